//! What lies in the tables.

use crate::messaging::domain::ClientId;
use crate::messaging::seal::Sealed;
use crate::storage::sql::{Arg, Error, Result, Row};

/// A client's secrets as they are stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The bcrypt hash of the API token, which PHP checks.
    pub token_hash: String,
    /// The API token, encrypted with `APP_KEY`; older clients have none.
    pub token_encrypted: Option<String>,
    /// The personal token, encrypted with `APP_KEY`.
    pub key_encrypted: String,
}

/// A row of `clients`.
#[derive(Clone)]
pub struct ClientRecord {
    /// The id.
    pub id: ClientId,
    /// What people call it.
    pub name: Option<String>,
    /// What it calls itself.
    pub fingerprint: Option<String>,
    /// Its secrets.
    pub secrets: Secrets,
    /// When it registered.
    pub created_at: Option<String>,
    /// When it was last heard of.
    pub last_seen_at: Option<String>,
}

/// Where a client stands.
#[derive(Clone)]
pub struct PollState {
    /// The id, in the letters of the table.
    pub id: ClientId,
    /// The bcrypt hash of the API token.
    pub token_hash: String,
    /// The API token, encrypted.
    pub token_encrypted: Option<String>,
    /// The last message that it acknowledged, 0 if none.
    pub acknowledged: i64,
    /// The newest message there is for it, 0 if none.
    pub newest: i64,
}

/// A row of `messages`.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// The id.
    pub id: i64,
    /// What it is about.
    pub kind: String,
    /// Who sent it; the application if nobody.
    pub from: Option<String>,
    /// What is in it.
    pub sealed: Sealed,
    /// When it was stored.
    pub created_at: String,
}

/// A message on its way into the table.
pub struct NewMessage {
    /// Who sent it.
    pub from: Option<ClientId>,
    /// To whom.
    pub to: ClientId,
    /// What it is about.
    pub kind: String,
    /// What is in it.
    pub sealed: Sealed,
}

/// A client that is written to.
pub struct Recipient {
    /// The id, in the letters of the table.
    pub id: ClientId,
    /// The personal token, encrypted.
    pub key_encrypted: String,
}

fn id(row: &Row, column: usize) -> Result<ClientId> {
    ClientId::parse(&row.text(column)?).ok_or_else(|| Error::Rejected("a client's id is no UUID".into()))
}

impl ClientRecord {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: id(row, 0)?,
            name: row.text_or_null(1)?,
            fingerprint: row.text_or_null(2)?,
            secrets: Secrets {
                token_hash: row.text(3)?,
                token_encrypted: row.text_or_null(4)?.filter(|encrypted| !encrypted.is_empty()),
                key_encrypted: row.text(5)?,
            },
            created_at: row.text_or_null(6)?,
            last_seen_at: row.text_or_null(7)?,
        })
    }
}

impl PollState {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: id(row, 0)?,
            token_hash: row.text(1)?,
            token_encrypted: row.text_or_null(2)?.filter(|encrypted| !encrypted.is_empty()),
            acknowledged: row.int_or_null(3)?.unwrap_or_default(),
            newest: row.int_or_null(4)?.unwrap_or_default(),
        })
    }
}

impl MessageRecord {
    pub(super) fn read(row: &Row) -> Result<Self> {
        let sealed = Sealed { ciphertext: row.text(4)?, nonce: row.text(5)?, tag: row.text(6)? };
        let id = row.int_or_null(0)?.unwrap_or_default();
        Ok(Self { id, kind: row.text(1)?, from: row.text_or_null(2)?, sealed, created_at: row.text(7)? })
    }
}

impl NewMessage {
    pub(super) fn args<'a>(&'a self, at: &'a str) -> [Arg<'a>; 7] {
        let from = self.from.as_ref().map(ClientId::as_str);
        let Sealed { ciphertext, nonce, tag } = &self.sealed;
        let [to, kind] = [self.to.as_str(), self.kind.as_str()];
        [
            from.into(),
            to.into(),
            kind.into(),
            ciphertext.as_str().into(),
            nonce.as_str().into(),
            tag.as_str().into(),
            at.into(),
        ]
    }
}

impl Recipient {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self { id: id(row, 0)?, key_encrypted: row.text(1)? })
    }
}
