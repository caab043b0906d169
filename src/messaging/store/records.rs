//! Rows of the tables.

use crate::messaging::domain::ClientId;
use crate::messaging::seal::Sealed;
use crate::storage::sql::{Arg, Engine, Error, Result, Row};

/// The stored secrets of a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The bcrypt hash of the API token, which PHP checks.
    pub token_hash: String,
    /// The API token, encrypted with `APP_KEY`; `None` for clients of older versions.
    pub token_encrypted: Option<String>,
    /// The personal token, encrypted with `APP_KEY`.
    pub key_encrypted: String,
}

/// A row of `clients`.
#[derive(Clone)]
pub struct ClientRecord {
    /// The client's id.
    pub id: ClientId,
    /// The display name.
    pub name: Option<String>,
    /// The fingerprint it registered with.
    pub fingerprint: Option<String>,
    /// The secrets.
    pub secrets: Secrets,
    /// The time of registration.
    pub created_at: Option<String>,
    /// The time of the last request.
    pub last_seen_at: Option<String>,
}

/// What a list of clients shows of one.
#[derive(Clone, Debug)]
pub struct ClientSummary {
    /// The client's id.
    pub id: ClientId,
    /// The display name.
    pub name: Option<String>,
    /// The time of registration.
    pub created_at: Option<String>,
    /// The time of the last request.
    pub last_seen_at: Option<String>,
}

/// What a poll needs to know of a client.
#[derive(Clone)]
pub struct PollState {
    /// The client's id, in the case of the table.
    pub id: ClientId,
    /// The bcrypt hash of the API token.
    pub token_hash: String,
    /// The API token, encrypted with `APP_KEY`.
    pub token_encrypted: Option<String>,
    /// The id of the last acknowledged message, 0 if none.
    pub acknowledged: i64,
    /// The id of the newest message to the client, 0 if none.
    pub newest: i64,
}

/// A row of `messages`.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// The message's id.
    pub id: i64,
    /// The type of the message.
    pub kind: String,
    /// The client that sent it; `None` for the application.
    pub from: Option<String>,
    /// The sealed content.
    pub sealed: Sealed,
    /// The time at which it was stored.
    pub created_at: String,
}

/// A row of `messages` whose ciphertext may have been left out.
pub(super) struct ListedMessage {
    /// The message, without its ciphertext.
    pub(super) record: MessageRecord,
    /// The ciphertext.
    pub(super) ciphertext: Option<String>,
    /// Bytes of the ciphertext and the type.
    pub(super) bytes: i64,
}

/// A message to insert.
pub struct NewMessage {
    /// The client that sent it; `None` for the application.
    pub from: Option<ClientId>,
    /// The recipient.
    pub to: ClientId,
    /// The type of the message.
    pub kind: String,
    /// The sealed content.
    pub sealed: Sealed,
}

/// The recipient of a message.
pub struct Recipient {
    /// The client's id, in the case of the table.
    pub id: ClientId,
    /// The personal token, encrypted with `APP_KEY`.
    pub key_encrypted: String,
}

/// Reads the id of a client.
pub(super) fn read_id(row: &Row, column: usize) -> Result<ClientId> {
    ClientId::parse(&row.text(column)?).ok_or_else(|| Error::Rejected("a client id is not a UUID".into()))
}

impl ClientRecord {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: read_id(row, 0)?,
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

impl ClientSummary {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: read_id(row, 0)?,
            name: row.text_or_null(1)?,
            created_at: row.text_or_null(2)?,
            last_seen_at: row.text_or_null(3)?,
        })
    }
}

impl PollState {
    pub(super) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            id: read_id(row, 0)?,
            token_hash: row.text(1)?,
            token_encrypted: row.text_or_null(2)?.filter(|encrypted| !encrypted.is_empty()),
            acknowledged: row.int_or_null(3)?.unwrap_or_default(),
            newest: row.int_or_null(4)?.unwrap_or_default(),
        })
    }
}

/// A listed message as SQLite returns it: the number of the page, the columns, and the bytes.
type PackedMessage = (usize, i64, String, Option<String>, Option<String>, String, String, String, i64);

impl ListedMessage {
    /// Reads the messages of several pages, each with the number of its page.
    pub(super) fn read_all(engine: Engine, rows: &[Row]) -> Result<Vec<(usize, Self)>> {
        match (engine, rows) {
            (Engine::Sqlite, [row]) => {
                let packed: Vec<PackedMessage> =
                    serde_json::from_str(&row.text(0)?).map_err(|error| Error::Rejected(error.into()))?;
                Ok(packed.into_iter().map(Self::unpack).collect())
            }
            _ => rows.iter().map(Self::read).collect(),
        }
    }

    fn unpack(packed: PackedMessage) -> (usize, Self) {
        let (page, id, kind, from, ciphertext, nonce, tag, created_at, bytes) = packed;
        let sealed = Sealed { ciphertext: String::new(), nonce, tag };
        (page, Self { record: MessageRecord { id, kind, from, sealed, created_at }, ciphertext, bytes })
    }

    fn read(row: &Row) -> Result<(usize, Self)> {
        let page = usize::try_from(row.int(0)?).unwrap_or(usize::MAX);
        let sealed = Sealed { ciphertext: String::new(), nonce: row.text(5)?, tag: row.text(6)? };
        let (from, created_at) = (row.text_or_null(3)?, row.text(7)?);
        let record = MessageRecord { id: row.int(1)?, kind: row.text(2)?, from, sealed, created_at };
        Ok((page, Self { record, ciphertext: row.text_or_null(4)?, bytes: row.int(8)? }))
    }

    /// The message with its ciphertext, if that is known.
    pub(super) fn complete(mut self) -> Option<MessageRecord> {
        self.record.sealed.ciphertext = self.ciphertext?;
        Some(self.record)
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
        Ok(Self { id: read_id(row, 0)?, key_encrypted: row.text(1)? })
    }
}
