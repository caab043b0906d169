//! Errors of the messaging service.

use crate::messaging::seal::OpenError;
use crate::storage::{Unavailable, sql};

/// The reason why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sql::Error),
    /// The queue failed, or the database failed for a batch of requests.
    #[error("the store is not available")]
    Unavailable(#[from] Unavailable),
    /// The client is unknown, or the token is not its token.
    #[error("the token is not valid for the client")]
    InvalidToken,
    /// The fingerprint is registered in another spelling, which the database considers equal.
    #[error("the fingerprint is taken in another spelling")]
    FingerprintTaken,
    /// The body was not sealed with the client's key.
    #[error("the body cannot be opened")]
    Sealed(#[from] OpenError),
    /// The plaintext is not a JSON object or array.
    #[error("the decrypted payload is not a JSON object")]
    NotAnObject,
    /// The `type` in the plaintext is not a string.
    #[error("the type in the decrypted payload is not a string")]
    InvalidType,
    /// The plaintext names more recipients than this limit.
    #[error("the decrypted payload has more than {0} recipients")]
    TooManyRecipients(usize),
    /// The plaintext has more values than this limit.
    #[error("the decrypted payload has more than {0} values")]
    TooManyValues(usize),
    /// The message would take more bytes in the database than this limit, over all recipients.
    #[error("the message takes more than {0} bytes")]
    TooManyBytes(usize),
    /// This field contains a NUL character, which the database cannot store.
    #[error("a text contains a NUL character")]
    NulCharacter(&'static str),
    /// There is no such client.
    #[error("there is no such client")]
    UnknownClient,
    /// A stored secret was encrypted with another `APP_KEY`.
    #[error("a stored secret does not decrypt: was it encrypted with another APP_KEY?")]
    UndecryptableSecret,
    /// The key of the client with this fingerprint was encrypted with another `APP_KEY`, and is not replaced.
    #[error("the key of the client with this fingerprint does not decrypt: was it encrypted with another APP_KEY?")]
    LostKey,
    /// bcrypt refused to hash a new API token.
    #[error("bcrypt cannot hash the new API token")]
    HashFailed,
}

/// The result of a messaging operation.
pub type Result<T> = std::result::Result<T, MessagingError>;

impl MessagingError {
    /// The error with its causes in one line, for a log.
    pub fn chain(&self) -> String {
        match self {
            Self::Database(error) => error.chain(),
            Self::Unavailable(error) => format!("{self}: {}", error.reason()),
            other => other.to_string(),
        }
    }
}
