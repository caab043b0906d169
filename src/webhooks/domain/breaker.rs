//! Circuit breaker, one per endpoint. Pure: time is an argument.
//!
//! After several failures in a row, of any deliveries, the circuit opens: single deliveries probe the receiver, with
//! exponential pauses. A failed probe does not count as an attempt of its delivery, and the other deliveries are not
//! claimed, so that all are sent at once when the receiver recovers.

use std::time::{Duration, Instant};

/// Number of failures in a row that opens the circuit.
const FAILURE_THRESHOLD: u32 = 5;
/// The first pause before a probe.
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause before a probe of a webhook receiver.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The state of one endpoint's circuit.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    next_probe: Option<Instant>,
    max_pause: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(MAX_PAUSE)
    }
}

/// The state of a circuit: what may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// All deliveries.
    Closed,
    /// One delivery, as a probe.
    HalfOpen,
    /// Nothing before this time.
    Open(Instant),
}

impl Breaker {
    /// A closed circuit; `max_pause` is the longest pause before a probe.
    pub fn new(max_pause: Duration) -> Self {
        Self { failures: 0, next_probe: None, max_pause }
    }

    /// The state at `now`.
    pub fn state(&self, now: Instant) -> CircuitState {
        match self.next_probe {
            None => CircuitState::Closed,
            Some(at) if at <= now => CircuitState::HalfOpen,
            Some(at) => CircuitState::Open(at),
        }
    }

    /// Whether the circuit is open or half open.
    pub fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// Whether the last request failed.
    pub fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Records a success; true if it closes the circuit.
    pub fn record_success(&mut self) -> bool {
        self.failures = 0;
        self.next_probe.take().is_some()
    }

    /// Records a failure at `now`; true if it opens the circuit. The next probe is not before the receiver's
    /// `retry_after`. Failures before the next probe, of requests in flight when the circuit opened, do not count.
    pub fn record_failure(&mut self, now: Instant, retry_after: Option<Duration>) -> bool {
        let was_open = self.is_open();
        if self.next_probe.is_none_or(|probe| probe <= now) {
            self.failures = self.failures.saturating_add(1);
            self.next_probe = (self.failures >= FAILURE_THRESHOLD).then(|| now + self.pause());
        }
        self.next_probe = self.next_probe.max(retry_after.map(|pause| now + pause));
        !was_open && self.is_open()
    }

    /// Time from `now` until the next probe.
    pub fn retry_after(&self, now: Instant) -> Duration {
        self.next_probe.map_or(Duration::ZERO, |probe| probe.saturating_duration_since(now))
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(FAILURE_THRESHOLD).min(16);
        MIN_PAUSE.saturating_mul(1 << doublings).min(self.max_pause)
    }
}
