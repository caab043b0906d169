//! What the service answers where it does not do what it was asked for.

use crate::messaging::seal::OpenError;
use crate::storage::{Unavailable, sql};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum MessagingError {
    /// The database did not do its part.
    #[error(transparent)]
    Database(#[from] sql::Error),
    /// The queue, or the database in a question of many, did not do its part.
    #[error("the store is not available")]
    Unavailable(#[from] Unavailable),
    /// There is no such client, or this is not its token.
    #[error("the token is not the client's")]
    InvalidToken,
    /// Another spelling of this fingerprint, which the database takes for the same, is registered.
    #[error("the fingerprint is taken in another spelling")]
    FingerprintTaken,
    /// A body that was not sealed with the client's key.
    #[error("the body cannot be opened")]
    Sealed(#[from] OpenError),
    /// What was sealed is not a JSON object or array.
    #[error("what was sealed is no JSON object")]
    NoObject,
    /// What was sealed has a type that is no text.
    #[error("what was sealed has a type that is no text")]
    NoType,
    /// What was sealed names more recipients than this, the most that are allowed.
    #[error("what was sealed is for more than {0} clients")]
    TooMany(usize),
    /// A text with a NUL character, which the database cannot hold, in this field.
    #[error("a text has a NUL character in it")]
    Nul(&'static str),
    /// There is no such client.
    #[error("there is no such client")]
    UnknownClient,
    /// A stored secret was encrypted with another `APP_KEY`.
    #[error("a stored secret does not decrypt: was it encrypted with another APP_KEY?")]
    Secret,
}

impl MessagingError {
    /// The failure with its causes in one line, for a log.
    pub fn chain(&self) -> String {
        match self {
            Self::Database(error) => error.chain(),
            Self::Unavailable(error) => format!("{self}: {}", error.reason()),
            other => other.to_string(),
        }
    }
}

/// What the service answers.
pub type Outcome<T> = Result<T, MessagingError>;
