//! Reads that need all shards: one shard that does not reply fails them. The log names it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::presence::store::Result;

/// Whether the last read of all shards failed.
#[derive(Debug, Default)]
pub(super) struct AllShards {
    are_failing: AtomicBool,
}

impl AllShards {
    /// Logs the first failure after a success.
    pub(super) fn watch<T>(&self, read: Result<T>) -> Result<T> {
        match &read {
            Ok(_) if self.are_failing.load(Ordering::Relaxed) => self.are_failing.store(false, Ordering::Relaxed),
            Ok(_) => {}
            Err(error) => {
                if !self.are_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        error = error.reason(),
                        "reads of all shards are answered with 503: a shard does not reply"
                    );
                }
            }
        }
        read
    }
}
