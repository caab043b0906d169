//! Spares a receiver that is down, and the deliveries meant for it. Pure: time is an argument.
//!
//! After a few failures in a row, of whatever deliveries, the circuit is open: one delivery at a time is sent to see
//! whether the receiver is back, after pauses that grow. A probe that fails costs the delivery no try, and the others
//! are not touched, so that everything goes out at once when the receiver is back.

use std::time::{Duration, Instant};

/// So many failures in a row open the circuit.
const THRESHOLD: u32 = 5;
/// The first pause between probes.
const FIRST: Duration = Duration::from_millis(500);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30);

/// The state of one endpoint's circuit.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    next_probe: Option<Instant>,
}

/// What may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Whatever there is.
    Closed,
    /// One delivery, as a probe.
    Probe,
    /// Nothing before that.
    Open(Instant),
}

impl Breaker {
    /// What may be sent at `now`.
    pub fn gauge(&self, now: Instant) -> CircuitState {
        match self.next_probe {
            None => CircuitState::Closed,
            Some(at) if at <= now => CircuitState::Probe,
            Some(at) => CircuitState::Open(at),
        }
    }

    /// Whether the receiver is taken to be down.
    pub fn is_open(&self) -> bool {
        self.next_probe.is_some()
    }

    /// The receiver answered; true if that closes the circuit.
    pub fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.next_probe.take().is_some()
    }

    /// The receiver failed at `now`; true if that opens the circuit. One that wants to `rest` is taken at its word.
    /// What was under way when the circuit opened, and fails before the next probe, says nothing new.
    pub fn failed(&mut self, now: Instant, rest: Option<Duration>) -> bool {
        let was_open = self.is_open();
        if self.next_probe.is_none_or(|probe| probe <= now) {
            self.failures = self.failures.saturating_add(1);
            self.next_probe = (self.failures >= THRESHOLD).then(|| now + self.pause());
        }
        self.next_probe = self.next_probe.max(rest.map(|rest| now + rest));
        !was_open && self.is_open()
    }

    /// How long after `now` the next probe is.
    pub fn rest(&self, now: Instant) -> Duration {
        self.next_probe.map_or(Duration::ZERO, |probe| probe.saturating_duration_since(now))
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(THRESHOLD).min(16);
        FIRST.saturating_mul(1 << doublings).min(LONGEST)
    }
}
