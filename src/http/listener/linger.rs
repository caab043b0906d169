//! Discards the rest of refused bodies, slowly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// After a response to a request whose body was not read, the rest of the body is read and discarded for this time and up to
/// this size. Otherwise the sender, still writing, would get a reset in place of the response.
const LIMITS: (Duration, usize) = (Duration::from_secs(2), 1024 * 1024);

/// Bytes that are discarded at a time.
pub(super) const LINGER_READ: usize = 16 * 1024;

/// The pause between two reads of all connections together. It bounds what senders of refused bodies cost: one alone is read
/// at 8 MiB/s, many share that.
const PAUSE: Duration = Duration::from_millis(2);

/// Takes turns between all connections that discard: the time of the next turn.
#[derive(Debug)]
pub(super) struct LingerPace(Mutex<Instant>);

impl LingerPace {
    /// A pace whose first turn is now.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Instant::now()))
    }

    /// Takes the next turn that is free; returns its time.
    fn take_turn(&self, now: Instant) -> Instant {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = now.max(*next);
        *next = turn + PAUSE;
        turn
    }
}

/// What one connection still discards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linger {
    until: Instant,
    bytes_left: usize,
    turn: Instant,
}

impl Linger {
    /// Begins now, with the next turn.
    pub(super) fn begin(pace: &LingerPace) -> Self {
        let (now, (duration, bytes_left)) = (Instant::now(), LIMITS);
        Self { until: now + duration, bytes_left, turn: pace.take_turn(now) }
    }

    /// The time of the next read; `None` if that is after the end.
    pub(super) fn turn(&self) -> Option<Instant> {
        (self.turn < self.until).then_some(self.turn)
    }

    /// The time at which it ends in any case.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Continues after a read of so many bytes; `None` if nothing is left to read.
    pub(super) fn after(self, read: usize, pace: &LingerPace) -> Option<Self> {
        let bytes_left = self.bytes_left.saturating_sub(read);
        (read > 0 && bytes_left > 0).then(|| Self { bytes_left, turn: pace.take_turn(Instant::now()), ..self })
    }
}
