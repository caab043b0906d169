//! The limits of request bodies.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::budget::MemoryBudget;

/// Limits of a request body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Maximum size in bytes.
    pub bytes: usize,
    /// Maximum size in bytes while the caller is unknown.
    pub anonymous_bytes: usize,
    /// Maximum time until the whole body has arrived.
    pub timeout: Duration,
}

/// The limits of request bodies, and what they share.
#[derive(Debug)]
pub struct BodyPolicy {
    pub(super) limits: BodyLimits,
    pub(super) budget: Arc<MemoryBudget>,
    /// Held while a large body is parsed.
    pub(super) parsers: Semaphore,
}

impl BodyPolicy {
    /// Bodies within `limits`, counted by `budget`. At most half of the machine's cores parse large bodies at a time.
    pub fn new(limits: BodyLimits, budget: Arc<MemoryBudget>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { limits, budget, parsers: Semaphore::new((cores / 2).max(1)) }
    }

    /// The memory budget.
    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.budget
    }
}
