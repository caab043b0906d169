//! The clock of the store, read without a round trip each time.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::presence::domain::{Span, Timestamp};
use crate::presence::store::{PresenceStore, Result};

/// A skew between this host and the store above this is logged.
const NOTABLE_SKEW_MS: i64 = 1_000;

/// The time of the store: the monotonic clock of this process plus the offset measured last; before the first
/// measurement the time of the host.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    offset: AtomicI64,
    measured: AtomicBool,
}

impl Clock {
    /// A clock that shows the time of the host until it is first [synchronized](Clock::synchronize).
    pub fn new() -> Self {
        Self { started: Instant::now(), offset: AtomicI64::new(host_micros()), measured: AtomicBool::new(false) }
    }

    /// The current time of the store.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.elapsed() + self.offset.load(Ordering::Relaxed))
    }

    /// Measures the offset to the store; half of the round trip counts as the way back. Returns how far the clock of the
    /// store was set back since the last measurement.
    pub async fn synchronize(&self, store: &dyn PresenceStore) -> Result<Span> {
        let sent = self.elapsed();
        let time = store.time().await?;
        let received = self.elapsed();
        let offset = time.micros() - sent.midpoint(received);
        let before = self.offset.swap(offset, Ordering::Relaxed);
        let is_first = !self.measured.swap(true, Ordering::Relaxed);
        let skew_ms = (self.now().micros() - host_micros()) / 1_000;
        if skew_ms.abs() > NOTABLE_SKEW_MS {
            tracing::warn!(skew_ms, "the store's clock differs from this host's; presence goes by the store's");
        }
        let set_back = u64::try_from(before - offset).unwrap_or(0);
        Ok(Span::from_duration(Duration::from_micros(if is_first { 0 } else { set_back })))
    }

    fn elapsed(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the host's clock is compared with the store's")]
fn host_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
