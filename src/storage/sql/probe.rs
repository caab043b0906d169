//! Probes of a database, shared by all callers that ask at the same time.
//!
//! A probe writes, as a request does, so its number is bounded: one runs at a time, whoever waited for it gets its result,
//! and a success is kept for a second, unless a statement of the same database fails in the meantime.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::Database;
use crate::storage::{Result, Unavailable};

/// How long a success is kept.
const KEEP: Duration = Duration::from_secs(1);

/// The last result of a probe.
#[derive(Debug, Default)]
pub struct SharedProbe(Mutex<Option<ProbeResult>>);

#[derive(Clone, Debug)]
struct ProbeResult {
    started: Instant,
    /// The failures of the database when the probe ended.
    failures: u64,
    outcome: Result<()>,
}

impl SharedProbe {
    /// Returns the result of `probe` on `database`, or that of one that began after this call or just before it.
    ///
    /// # Errors
    /// The error of the probe.
    pub async fn run<F>(&self, database: &Database, probe: impl FnOnce() -> F) -> Result<()>
    where
        F: Future<Output = super::Result<()>>,
    {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(last) = last.as_ref().filter(|last| last.answers(asked, database.policy.failures())) {
            return last.outcome.clone();
        }
        let started = Instant::now();
        let outcome = probe().await.map_err(Unavailable::from);
        *last = Some(ProbeResult { started, failures: database.policy.failures(), outcome: outcome.clone() });
        outcome
    }
}

impl ProbeResult {
    /// Whether the result is that of a probe asked for at `asked`.
    fn answers(&self, asked: Instant, failures: u64) -> bool {
        let is_kept = self.outcome.is_ok() && self.failures == failures && self.started.elapsed() < KEEP;
        self.started >= asked || is_kept
    }
}
