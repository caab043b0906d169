//! Checks API tokens without the cost of bcrypt at each request.
//!
//! The token itself is stored, encrypted with `APP_KEY`. It is decrypted once, and then compared in constant time for as
//! long as the row has the same ciphertext. Older rows have only the bcrypt hash: it is checked on the blocking thread pool,
//! and a token that passed is cached for as long as the row has the same hash.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::laravel::crypt::Crypt;
use crate::messaging::domain::ClientId;
use crate::messaging::service::error::{MessagingError, Result};
use crate::php::hash;

/// Maximum number of clients in the cache.
const CACHE_CAPACITY: u64 = 100_000;

/// Maximum number of concurrent bcrypt checks: each keeps a core busy.
const MAX_BCRYPT_CHECKS: usize = 2;

/// The unverified credentials of a request.
pub struct Caller {
    /// The id of the client.
    pub id: ClientId,
    /// The API token of the client.
    pub token: Zeroizing<String>,
}

/// Verified tokens by client.
pub(super) struct TokenCache {
    crypt: Crypt,
    tokens: Cache<ClientId, Arc<CachedToken>>,
    bcrypt_checks: Semaphore,
}

/// A client's token, as a digest, so that the secret itself does not stay in memory.
struct CachedToken {
    /// The content of the column that the token was read from.
    version: String,
    digest: [u8; 32],
}

impl TokenCache {
    pub(super) fn new(crypt: Crypt) -> Self {
        Self { crypt, tokens: Cache::new(CACHE_CAPACITY), bcrypt_checks: Semaphore::new(MAX_BCRYPT_CHECKS) }
    }

    /// Whether the caller's token is in the cache: it was the client's token when it was last checked.
    pub(super) fn is_cached(&self, caller: &Caller) -> bool {
        self.tokens
            .get(&caller.id)
            .is_some_and(|cached| compare(&cached.digest, &digest(caller.token.as_bytes())).is_ok())
    }

    /// Checks the caller's token against the columns of its client.
    ///
    /// # Errors
    /// [`MessagingError::InvalidToken`] if they belong to another token.
    pub(super) async fn check(&self, caller: &Caller, hash: &str, encrypted: Option<&str>) -> Result<()> {
        let given = digest(caller.token.as_bytes());
        let version = encrypted.unwrap_or(hash);
        if let Some(cached) = self.tokens.get(&caller.id).filter(|cached| cached.version == version) {
            return compare(&cached.digest, &given);
        }
        let decrypted = encrypted.and_then(|encrypted| self.crypt.decrypt(encrypted).ok());
        let expected = match decrypted {
            Some(token) => digest(&token),
            None => self.check_hash(caller, hash, given).await?,
        };
        let cached = CachedToken { version: version.to_owned(), digest: expected };
        self.tokens.insert(caller.id.clone(), Arc::new(cached));
        compare(&expected, &given)
    }

    /// Returns `digest`, the digest of the caller's token, if the token has this bcrypt hash.
    async fn check_hash(&self, caller: &Caller, hash: &str, digest: [u8; 32]) -> Result<[u8; 32]> {
        let _permit = self.bcrypt_checks.acquire().await.map_err(|_| MessagingError::InvalidToken)?;
        let (token, hash) = (caller.token.clone(), hash.to_owned());
        let checked = tokio::task::spawn_blocking(move || hash::check(&token, &hash)).await;
        if checked.unwrap_or(false) { Ok(digest) } else { Err(MessagingError::InvalidToken) }
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn compare(expected: &[u8; 32], given: &[u8; 32]) -> Result<()> {
    if bool::from(expected.ct_eq(given)) { Ok(()) } else { Err(MessagingError::InvalidToken) }
}
