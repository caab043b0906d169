//! Reads of subscribers behind the window: one at a time, with pauses.

use std::time::Duration;

use tokio::time::Instant;

use crate::presence::store::PageLimit;

/// The size of a page: little enough that Redis answers heartbeats in between.
pub(super) const PAGE: PageLimit = PageLimit { entries: 200, bytes: 256 << 10 };
/// The longest pause after a read that succeeded.
const MAX_PAUSE: Duration = Duration::from_millis(100);
/// The pause after the first error; it doubles with each one that follows.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
/// The longest pause after errors.
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Held by the one subscriber that reads.
#[derive(Debug, Default)]
pub(super) struct CatchUp(tokio::sync::Mutex<Pace>);

/// When the next read may begin.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Option<Instant>,
    failures: u32,
}

impl CatchUp {
    /// Waits until no other subscriber reads.
    pub(super) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Pace> {
        self.0.lock().await
    }
}

impl Pace {
    /// Whether the last read failed, and the next one must wait.
    pub(super) fn is_backing_off(&self) -> bool {
        self.failures > 0 && self.next.is_some_and(|next| next > Instant::now())
    }

    /// Waits until the next read may begin.
    pub(super) async fn wait(&self) {
        if let Some(next) = self.next {
            tokio::time::sleep_until(next).await;
        }
    }

    /// Records a read that began at `started`.
    pub(super) fn record(&mut self, started: Instant, succeeded: bool) {
        self.failures = if succeeded { 0 } else { self.failures + 1 };
        let pause = if succeeded { started.elapsed().min(MAX_PAUSE) } else { backoff(self.failures) };
        self.next = Some(Instant::now() + pause);
    }
}

/// The pause after this number of errors in a row, with jitter.
pub(super) fn backoff(failures: u32) -> Duration {
    let doubled = FIRST_BACKOFF * 2_u32.pow(failures.saturating_sub(1).min(8));
    doubled.min(MAX_BACKOFF).mul_f64(0.5 + rand::random::<f64>() / 2.0)
}
