//! Shared storage infrastructure: the error of a store that is unavailable, connections that reconnect by themselves,
//! and request batching.

pub mod batch;
pub mod redis;
mod rest;
pub mod sql;

use std::sync::Arc;

pub use self::rest::Rest;

/// A store is down, overloaded, or did not answer in time. The request may or may not have taken effect.
///
/// Cheap to clone: all callers of a batch get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store is not available")]
pub struct Unavailable {
    source: Arc<dyn std::error::Error + Send + Sync>,
    kind: Kind,
}

/// What a caller can do about the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    LostConnection,
    Refused,
    Rejected,
    Interrupted,
    Other,
}

impl Unavailable {
    /// An error with a cause.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), kind: Kind::Other }
    }

    /// An error caused by a lost connection; a retry usually gets a new connection.
    pub fn lost_connection(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), kind: Kind::LostConnection }
    }

    /// An error of a store that refuses a command, and will do so until an operator changes something.
    pub fn refused(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), kind: Kind::Refused }
    }

    /// An error of a store that answers, and does not accept this request.
    pub fn rejected(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), kind: Kind::Rejected }
    }

    /// An error of a store that answers, and could not complete this request in time: it met a lock, for example.
    pub fn interrupted(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), kind: Kind::Interrupted }
    }

    /// Names the store in the reason.
    #[must_use]
    pub fn at(self, address: &str) -> Self {
        let source: Box<dyn std::error::Error + Send + Sync> = format!("{address}: {}", self.source).into();
        Self { source: source.into(), ..self }
    }

    /// Whether a retry may get a new connection.
    pub fn is_lost_connection(&self) -> bool {
        self.kind == Kind::LostConnection
    }

    /// Whether the store refuses the command.
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether the store answered, and does not accept the request: others may succeed.
    pub fn is_rejected(&self) -> bool {
        self.kind == Kind::Rejected
    }

    /// Whether the store answers, and the request met a lock or a time limit: others may succeed.
    pub fn is_interrupted(&self) -> bool {
        self.kind == Kind::Interrupted
    }

    /// The cause, as text for a log line.
    pub fn reason(&self) -> String {
        self.source.to_string()
    }
}

/// A store that does not do what the product needs, for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{store} at {address}: {reason}")]
pub struct StoreDown {
    /// The kind of store: `redis`, `database`, `memory`.
    pub store: &'static str,
    /// Its address, without credentials.
    pub address: String,
    /// What is wrong, and what to do. It never contains a secret.
    pub reason: String,
}

/// The result of a storage operation.
pub type Result<T> = std::result::Result<T, Unavailable>;
