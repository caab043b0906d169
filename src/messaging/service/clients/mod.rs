//! Clients: their registration, authentication, token rotation and revocation, and the list of them for operators.

mod credentials;
mod key_sample;
mod registration;
mod tokens;
mod views;

use std::sync::Arc;

pub use self::credentials::Credentials;
pub use self::key_sample::KeySample;
pub use self::registration::RegistrationResult;
pub use self::tokens::Caller;
use self::tokens::TokenCache;
pub use self::views::ClientView;
use super::context::MessagingContext;
use super::error::{MessagingError, Result};
use super::read_batcher::ReadBatcher;
use crate::messaging::store::{ClientRecord, PollState};

/// The operations on clients.
pub struct Clients {
    context: Arc<MessagingContext>,
    reads: Arc<ReadBatcher>,
    tokens: TokenCache,
    bcrypt_cost: u32,
    replace_lost_keys: bool,
}

impl Clients {
    /// Creates the service; new API tokens are hashed with bcrypt at cost `bcrypt_cost`. With `replace_lost_keys`, a
    /// registration replaces a key that does not decrypt.
    pub fn new(
        context: Arc<MessagingContext>,
        reads: Arc<ReadBatcher>,
        bcrypt_cost: u32,
        replace_lost_keys: bool,
    ) -> Self {
        let tokens = TokenCache::new(context.crypt.clone());
        Self { context, reads, tokens, bcrypt_cost, replace_lost_keys }
    }

    /// Tries to decrypt the keys of some clients.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sample_keys(&self) -> Result<KeySample> {
        Ok(KeySample::take(&self.context.store, &self.context.crypt).await?)
    }

    /// Authenticates a caller and returns its client.
    ///
    /// # Errors
    /// [`MessagingError::InvalidToken`] if the client is unknown or has another token.
    pub async fn authenticate(&self, caller: &Caller) -> Result<ClientRecord> {
        let client = self.require_known(self.reads.clients.call(caller.id.clone()).await?)?;
        let secrets = &client.secrets;
        self.check_token(caller, &secrets.token_hash, secrets.token_encrypted.as_deref()).await?;
        self.context.mark_seen(&client.id);
        Ok(client)
    }

    /// Authenticates a caller against a poll state, and returns the state.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn authenticate_poll(&self, caller: &Caller, state: Option<PollState>) -> Result<PollState> {
        let state = self.require_known(state)?;
        self.check_token(caller, &state.token_hash, state.token_encrypted.as_deref()).await?;
        Ok(state)
    }

    /// Whether the caller's token is in the cache of verified tokens.
    pub fn is_cached(&self, caller: &Caller) -> bool {
        self.tokens.is_cached(caller)
    }

    fn require_known<T>(&self, found: Option<T>) -> Result<T> {
        found.ok_or(MessagingError::InvalidToken).inspect_err(|_| self.context.metrics.auth_failures.increment(1))
    }

    async fn check_token(&self, caller: &Caller, hash: &str, encrypted: Option<&str>) -> Result<()> {
        let checked = self.tokens.check(caller, hash, encrypted).await;
        checked.inspect_err(|_| self.context.metrics.auth_failures.increment(1))
    }
}
