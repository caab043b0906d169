//! The credentials of a client: generated, encrypted for the store, decrypted from it.

use zeroize::Zeroizing;

use crate::laravel::crypt::Crypt;
use crate::messaging::domain::ClientId;
use crate::messaging::seal::generate_token;
use crate::messaging::service::error::{MessagingError, Result};
use crate::messaging::store::{ClientRecord, Secrets};
use crate::php::hash;

/// The credentials of a client.
pub struct Credentials {
    /// The client's id.
    pub id: ClientId,
    /// The key that seals its messages, in base64.
    pub personal_token: Zeroizing<String>,
    /// The token that authenticates its requests.
    pub api_token: Zeroizing<String>,
}

impl Credentials {
    /// Generates new secrets for a client; returns them, and their form in the store.
    pub(super) async fn generate(id: ClientId, crypt: &Crypt, bcrypt_cost: u32) -> Result<(Self, Secrets)> {
        let credentials = Self { id, personal_token: generate_token(), api_token: generate_token() };
        let token = credentials.api_token.clone();
        let hashed = tokio::task::spawn_blocking(move || hash::make(&token, bcrypt_cost)).await;
        let secrets = Secrets {
            token_hash: hashed.ok().and_then(std::result::Result::ok).ok_or(MessagingError::HashFailed)?,
            token_encrypted: Some(crypt.encrypt(credentials.api_token.as_bytes())),
            key_encrypted: crypt.encrypt(credentials.personal_token.as_bytes()),
        };
        Ok((credentials, secrets))
    }

    /// Decrypts the stored credentials of a client; `None` if that is not possible.
    pub(super) fn decrypt(client: &ClientRecord, crypt: &Crypt) -> Option<Self> {
        Some(Self {
            id: client.id.clone(),
            personal_token: decrypt_text(crypt, &client.secrets.key_encrypted)?,
            api_token: decrypt_text(crypt, client.secrets.token_encrypted.as_deref()?)?,
        })
    }
}

/// Decrypts a stored secret; `None` if it was encrypted with another `APP_KEY`.
pub(super) fn decrypt_text(crypt: &Crypt, encrypted: &str) -> Option<Zeroizing<String>> {
    let mut bytes = crypt.decrypt(encrypted).ok()?;
    String::from_utf8(std::mem::take(&mut *bytes)).ok().map(Zeroizing::new)
}
