//! Registration, token rotation and revocation.

use super::Clients;
use super::credentials::{Credentials, decrypt_text};
use super::tokens::Caller;
use crate::messaging::domain::{ClientId, Fingerprint, MessageTime};
use crate::messaging::service::error::{MessagingError, Result};
use crate::messaging::store::{ClientRecord, CredentialUpdate, Secrets};

/// Maximum number of attempts while other processes register the same fingerprint at the same time.
const MAX_ATTEMPTS: u32 = 5;

/// What to do about keys that do not decrypt.
const KEY_HINT: &str =
    "add the former APP_KEY to APP_PREVIOUS_KEYS, or, if it is lost, set registration.replace_lost_keys";

/// The result of a registration.
pub enum RegistrationResult {
    /// A new client.
    Created(Credentials),
    /// The existing client with this fingerprint.
    Found(Credentials),
}

impl Clients {
    /// Returns the credentials of the client with this fingerprint; creates the client if there is none. Stores the name if
    /// one is given.
    ///
    /// # Errors
    /// [`MessagingError::FingerprintTaken`] if the database considers another fingerprint equal to this one: its secrets
    /// belong to another client. [`MessagingError::LostKey`] if the client's key does not decrypt and must not be replaced.
    pub async fn register(&self, fingerprint: &Fingerprint, name: Option<&str>) -> Result<RegistrationResult> {
        self.context.check_storable("fingerprint", fingerprint.as_str())?;
        self.context.check_storable("name", name.unwrap_or_default())?;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(client) = self.context.store.client_by_fingerprint(fingerprint).await? {
                if !client.fingerprint.as_deref().is_some_and(|stored| fingerprint.matches(stored)) {
                    return Err(MessagingError::FingerprintTaken);
                }
                if let Some(credentials) = self.restore(client, name).await? {
                    return Ok(RegistrationResult::Found(credentials));
                }
                continue;
            }
            let (credentials, secrets) = self.generate(ClientId::generate()).await?;
            let client = ClientRecord {
                id: credentials.id.clone(),
                name: name.map(str::to_owned),
                fingerprint: Some(fingerprint.as_str().to_owned()),
                secrets,
                created_at: None,
                last_seen_at: None,
            };
            let (store, client) = (&self.context.store, &client);
            let insert = |now: MessageTime| async move { store.insert_client(client, &now.stored).await };
            if self.context.at_now(insert).await? {
                return Ok(RegistrationResult::Created(credentials));
            }
        }
        Err(MessagingError::FingerprintTaken)
    }

    /// Returns the credentials of an existing client. Replaces a token that cannot be decrypted, and a key that cannot be
    /// decrypted if the configuration permits it. Returns `None` if another process has replaced them meanwhile.
    async fn restore(&self, client: ClientRecord, name: Option<&str>) -> Result<Option<Credentials>> {
        if let Some(credentials) = Credentials::decrypt(&client, &self.context.crypt) {
            if let Some(name) = name.filter(|name| client.name.as_deref() != Some(name)) {
                let (store, id) = (&self.context.store, &client.id);
                let rename = |now: MessageTime| async move { store.rename_client(id, name, &now.stored).await };
                self.context.at_now(rename).await?;
            }
            return Ok(Some(credentials));
        }
        let id = client.id.as_str();
        let key = decrypt_text(&self.context.crypt, &client.secrets.key_encrypted);
        if key.is_none() && !self.replace_lost_keys {
            tracing::warn!(client = id, "registration refused: the key of a known client does not decrypt; {KEY_HINT}");
            return Err(MessagingError::LostKey);
        }
        let (mut credentials, mut secrets) = self.generate(client.id.clone()).await?;
        let is_lost = key.is_none();
        if let Some(key) = key {
            secrets.key_encrypted.clone_from(&client.secrets.key_encrypted);
            credentials.personal_token = key;
        }
        let replaced = self.replace(&client, &secrets, name).await?;
        if replaced {
            tracing::warn!(client = id, key = is_lost, "replaced credentials that do not decrypt");
        }
        Ok(replaced.then_some(credentials))
    }

    /// Gives the caller a new API token. The key stays the same, since stored messages are sealed with it.
    ///
    /// # Errors
    /// [`MessagingError::InvalidToken`] if the token is wrong, or was replaced meanwhile.
    pub async fn rotate(&self, caller: &Caller) -> Result<Credentials> {
        let client = self.authenticate(caller).await?;
        let personal_token = decrypt_text(&self.context.crypt, &client.secrets.key_encrypted);
        let personal_token = personal_token.ok_or(MessagingError::UndecryptableSecret)?;
        let (credentials, secrets) = self.generate(client.id.clone()).await?;
        let secrets = Secrets { key_encrypted: client.secrets.key_encrypted.clone(), ..secrets };
        match self.replace(&client, &secrets, None).await? {
            true => Ok(Credentials { personal_token, ..credentials }),
            false => Err(MessagingError::InvalidToken),
        }
    }

    /// Revokes a client: invalidates its token and releases its fingerprint. Its messages stay.
    ///
    /// # Errors
    /// [`MessagingError::UnknownClient`] if there is no such client.
    pub async fn revoke(&self, id: &ClientId) -> Result<()> {
        let (_, unused) = self.generate(id.clone()).await?;
        let (store, hash) = (&self.context.store, unused.token_hash.as_str());
        let revoke = |now: MessageTime| async move { store.revoke(id, hash, &now.stored).await };
        match self.context.at_now(revoke).await? {
            true => Ok(()),
            false => Err(MessagingError::UnknownClient),
        }
    }

    async fn generate(&self, id: ClientId) -> Result<(Credentials, Secrets)> {
        Credentials::generate(id, &self.context.crypt, self.bcrypt_cost).await
    }

    /// Replaces the secrets that were read with `client`; `false` if they were replaced meanwhile.
    async fn replace(&self, client: &ClientRecord, secrets: &Secrets, name: Option<&str>) -> Result<bool> {
        let expected_hash = &client.secrets.token_hash;
        let update = |now: MessageTime| async move {
            let update = CredentialUpdate { id: &client.id, expected_hash, secrets, name, at: &now.stored };
            self.context.store.update_credentials(&update).await
        };
        Ok(self.context.at_now(update).await?)
    }
}
