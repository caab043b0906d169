//! Whether a token is a client's, without paying for bcrypt at each request.
//!
//! The token itself is stored, encrypted with `APP_KEY`. It is decrypted once and then compared in constant time, for as
//! long as the row still holds the same ciphertext. Older rows have the bcrypt hash alone: that is checked beside the
//! threads that answer requests, and a token that passed is remembered, for as long as the row holds the same hash.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::{Caller, MessagingError, Outcome};
use crate::laravel::crypt::Crypt;
use crate::messaging::domain::ClientId;
use crate::php::hash;

/// Clients whose tokens are remembered.
const REMEMBERED: u64 = 100_000;

/// Hashes that are checked at once: each keeps a core busy for as long as its cost says.
const CHECKED_AT_ONCE: usize = 2;

/// What is known of clients' tokens.
pub(super) struct TokenCache {
    crypt: Crypt,
    known: Cache<ClientId, Arc<CachedToken>>,
    checks: Semaphore,
}

/// A client's token, as a digest: what lies in memory for long is not the secret itself.
struct CachedToken {
    /// The column that it was found in.
    version: String,
    digest: [u8; 32],
}

impl TokenCache {
    pub(super) fn new(crypt: Crypt) -> Self {
        Self { crypt, known: Cache::new(REMEMBERED), checks: Semaphore::new(CHECKED_AT_ONCE) }
    }

    /// Whether the caller's token was found to be the client's before: of those it is known without asking.
    pub(super) fn remembers(&self, caller: &Caller) -> bool {
        self.known.get(&caller.id).is_some_and(|known| same(&known.digest, &digest(caller.token.as_bytes())).is_ok())
    }

    /// # Errors
    /// [`MessagingError::InvalidToken`] if the token is not the one in these columns.
    pub(super) async fn check(&self, caller: &Caller, hash: &str, encrypted: Option<&str>) -> Outcome<()> {
        let digest = digest(caller.token.as_bytes());
        let version = encrypted.unwrap_or(hash);
        if let Some(known) = self.known.get(&caller.id).filter(|known| known.version == version) {
            return same(&known.digest, &digest);
        }
        let decrypted = encrypted.and_then(|encrypted| self.crypt.decrypt(encrypted).ok());
        let right = match decrypted {
            Some(token) => self::digest(&token),
            None => self.hashed(caller, hash, digest).await?,
        };
        self.known.insert(caller.id.clone(), Arc::new(CachedToken { version: version.to_owned(), digest: right }));
        same(&right, &digest)
    }

    /// The digest, if the hash is of this token.
    async fn hashed(&self, caller: &Caller, hash: &str, digest: [u8; 32]) -> Outcome<[u8; 32]> {
        let _place = self.checks.acquire().await.map_err(|_| MessagingError::InvalidToken)?;
        let (token, hash) = (caller.token.clone(), hash.to_owned());
        let checked = tokio::task::spawn_blocking(move || hash::check(&token, &hash)).await;
        if checked.unwrap_or(false) { Ok(digest) } else { Err(MessagingError::InvalidToken) }
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn same(known: &[u8; 32], given: &[u8; 32]) -> Outcome<()> {
    if bool::from(known.ct_eq(given)) { Ok(()) } else { Err(MessagingError::InvalidToken) }
}
