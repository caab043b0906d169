//! The check whether `APP_KEY` is the key with which the stored keys of clients were encrypted.

use crate::laravel::crypt::Crypt;
use crate::messaging::store::MessageStore;
use crate::storage::sql;

/// Maximum number of clients whose key is tried.
const SIZE: i64 = 10;

/// The stored keys of some clients: how many were tried, and how many of them do not decrypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySample {
    /// Number of keys that were tried; 0 if there are no clients.
    pub tried: usize,
    /// Number of keys that neither `APP_KEY` nor `APP_PREVIOUS_KEYS` decrypts.
    pub lost: usize,
}

impl KeySample {
    /// Tries the keys of up to 10 clients.
    ///
    /// # Errors
    /// The database failed, or the table is missing.
    pub async fn take(store: &MessageStore, crypt: &Crypt) -> sql::Result<Self> {
        let keys = store.encrypted_keys(SIZE).await?;
        let lost = keys.iter().filter(|key| crypt.decrypt(key).is_err()).count();
        Ok(Self { tried: keys.len(), lost })
    }

    /// What is wrong and what to do, in one line; `None` if every key decrypts.
    pub fn problem(self) -> Option<String> {
        let Self { tried, lost } = self;
        (lost > 0).then(|| {
            format!(
                "{lost} of {tried} stored client keys cannot be decrypted: they were encrypted with another APP_KEY. Add that \
                 key to APP_PREVIOUS_KEYS, or set it as APP_KEY again; if storage/secrets.env was lost or generated anew, \
                 restore it. Until then these clients cannot read their messages, and cannot register again"
            )
        })
    }
}
