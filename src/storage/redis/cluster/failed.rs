//! Commands that failed, with their places.

use redis::RedisError;

/// Commands that failed, since nodes did not reply.
pub(in crate::storage::redis) struct FailedBatch {
    /// Their places among all commands; empty for all of them.
    pub(in crate::storage::redis) places: Vec<usize>,
    pub(in crate::storage::redis) error: RedisError,
}

impl From<RedisError> for FailedBatch {
    fn from(error: RedisError) -> Self {
        Self { places: Vec::new(), error }
    }
}

impl From<FailedBatch> for RedisError {
    fn from(failed: FailedBatch) -> Self {
        failed.error
    }
}
