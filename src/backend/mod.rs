//! The ground under everything that remembers: what it means that a store is not available, and connections that come
//! back by themselves.

pub mod redis;

use std::sync::Arc;

/// A store is down, overloaded, or did not answer in time. It may or may not have done what it was asked for.
///
/// Cheap to clone: everybody who waited for the same answer is told the same.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the store is not available")]
pub struct Unavailable {
    source: Arc<dyn std::error::Error + Send + Sync>,
    lost_connection: bool,
}

impl Unavailable {
    /// For a reason.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), lost_connection: false }
    }

    /// Because the connection was gone, which is quickly made again unless the store is gone, too.
    pub fn lost_connection(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into().into(), lost_connection: true }
    }

    /// Whether another try may meet a new connection.
    pub fn is_lost_connection(&self) -> bool {
        self.lost_connection
    }

    /// The reason, in words for a log.
    pub fn reason(&self) -> String {
        self.source.to_string()
    }
}

/// What a store answers.
pub type Result<T> = std::result::Result<T, Unavailable>;
