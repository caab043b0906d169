//! How clients get their credentials, keep them, and lose them.

use zeroize::Zeroizing;

use super::{Caller, Messaging, MessagingError, Outcome};
use crate::messaging::domain::{ClientId, Fingerprint};
use crate::messaging::seal::generate_token;
use crate::messaging::store::{ClientRecord, CredentialUpdate, Secrets};
use crate::php::hash;

/// Times that another process may register the same fingerprint at the same moment.
const TRIES: u32 = 5;

/// What a client needs to know.
pub struct Credentials {
    /// Its id.
    pub id: ClientId,
    /// The key its messages are sealed with, in base64.
    pub personal_token: Zeroizing<String>,
    /// What it proves itself with.
    pub api_token: Zeroizing<String>,
}

/// What came of a registration.
pub enum Registered {
    /// A new client.
    Created(Credentials),
    /// The client that has this fingerprint.
    Found(Credentials),
}

impl Messaging {
    /// The credentials of the client with this fingerprint, made if there is none. A name that is given is kept.
    ///
    /// # Errors
    /// [`MessagingError::FingerprintTaken`] where the database takes another spelling for the same fingerprint: its secrets
    /// are another client's.
    pub async fn register(&self, fingerprint: &Fingerprint, name: Option<&str>) -> Outcome<Registered> {
        self.holds("fingerprint", fingerprint.as_str())?;
        self.holds("name", name.unwrap_or_default())?;
        for _ in 0..TRIES {
            if let Some(client) = self.store.client_by_fingerprint(fingerprint).await? {
                if !client.fingerprint.as_deref().is_some_and(|stored| fingerprint.is(stored)) {
                    return Err(MessagingError::FingerprintTaken);
                }
                if let Some(credentials) = self.found(client, name).await? {
                    return Ok(Registered::Found(credentials));
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
            if self.store.insert_client(&client, &self.now().stored).await? {
                return Ok(Registered::Created(credentials));
            }
        }
        Err(MessagingError::FingerprintTaken)
    }

    /// The credentials of a client that is there. Those that cannot be decrypted are replaced; `None` if somebody else has
    /// replaced them meanwhile.
    async fn found(&self, client: ClientRecord, name: Option<&str>) -> Outcome<Option<Credentials>> {
        if let Some(credentials) = self.stored(&client) {
            if let Some(name) = name.filter(|name| client.name.as_deref() != Some(name)) {
                self.store.rename_client(&client.id, name, &self.now().stored).await?;
            }
            return Ok(Some(credentials));
        }
        let (credentials, secrets) = self.generate(client.id.clone()).await?;
        let at = self.now().stored;
        let replaces = &client.secrets.token_hash;
        let reissue = CredentialUpdate { id: &client.id, replaces, secrets: &secrets, name, at: &at };
        Ok(self.store.reissue(&reissue).await?.then_some(credentials))
    }

    /// A new API token for the caller. Its key stays, since messages under way are sealed with it.
    pub async fn rotate(&self, caller: &Caller) -> Outcome<Credentials> {
        let client = self.authenticate(caller).await?;
        let personal_token = self.decrypted(&client.secrets.key_encrypted).ok_or(MessagingError::Secret)?;
        let (fresh, secrets) = self.generate(client.id.clone()).await?;
        let secrets = Secrets { key_encrypted: client.secrets.key_encrypted.clone(), ..secrets };
        let at = self.now().stored;
        let replaces = &client.secrets.token_hash;
        let reissue = CredentialUpdate { id: &client.id, replaces, secrets: &secrets, name: None, at: &at };
        match self.store.reissue(&reissue).await? {
            true => Ok(Credentials { personal_token, ..fresh }),
            false => Err(MessagingError::InvalidToken),
        }
    }

    /// Shuts a client out: its token is worth nothing any more and its fingerprint is free. Its messages stay.
    pub async fn revoke(&self, id: &ClientId) -> Outcome<()> {
        let (_, nobody_s) = self.generate(id.clone()).await?;
        match self.store.revoke(id, &nobody_s.token_hash, &self.now().stored).await? {
            true => Ok(()),
            false => Err(MessagingError::UnknownClient),
        }
    }

    fn stored(&self, client: &ClientRecord) -> Option<Credentials> {
        Some(Credentials {
            id: client.id.clone(),
            personal_token: self.decrypted(&client.secrets.key_encrypted)?,
            api_token: self.decrypted(client.secrets.token_encrypted.as_deref()?)?,
        })
    }

    fn decrypted(&self, encrypted: &str) -> Option<Zeroizing<String>> {
        let mut bytes = self.crypt.decrypt(encrypted).ok()?;
        String::from_utf8(std::mem::take(&mut *bytes)).ok().map(Zeroizing::new)
    }

    /// New secrets, and how they are stored.
    async fn generate(&self, id: ClientId) -> Outcome<(Credentials, Secrets)> {
        let credentials = Credentials { id, personal_token: generate_token(), api_token: generate_token() };
        let (token, cost) = (credentials.api_token.clone(), self.bcrypt_cost);
        let hashed = tokio::task::spawn_blocking(move || hash::make(&token, cost)).await;
        let token_hash = hashed.ok().and_then(Result::ok).ok_or(MessagingError::Secret)?;
        let secrets = Secrets {
            token_hash,
            token_encrypted: Some(self.crypt.encrypt(credentials.api_token.as_bytes())),
            key_encrypted: self.crypt.encrypt(credentials.personal_token.as_bytes()),
        };
        Ok((credentials, secrets))
    }
}
