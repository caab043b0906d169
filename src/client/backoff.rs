//! The intervals between polls: short after a message, then backing off while idle.

use std::time::Duration;

use super::connection::ClientError;

/// The interval after a message.
const MIN_INTERVAL: Duration = Duration::from_secs(3);

/// The longest interval.
const MAX_INTERVAL: Duration = Duration::from_secs(30);

/// Number of messages on a full page; more may follow it.
const PAGE: usize = 50;

/// Exponential backoff of polls that find no messages: 3, 6, 12, 24, 30, 30, … seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollBackoff {
    interval: Duration,
}

impl Default for PollBackoff {
    fn default() -> Self {
        Self { interval: MIN_INTERVAL }
    }
}

impl PollBackoff {
    /// The interval after a poll that found `found` messages; zero after a full page, since another may follow.
    pub fn after(&mut self, found: usize) -> Duration {
        match found {
            0 => self.back_off(),
            PAGE.. => {
                self.reset();
                Duration::ZERO
            }
            _ => {
                self.reset();
                MIN_INTERVAL
            }
        }
    }

    /// The interval after a failed poll: at least the time that the sidecar asks for.
    pub fn after_failure(&mut self, error: &ClientError) -> Duration {
        self.back_off().max(error.retry_after().unwrap_or_default())
    }

    /// Resets the interval, as after sending a message, when a reply is likely.
    pub fn reset(&mut self) {
        self.interval = MIN_INTERVAL;
    }

    fn back_off(&mut self) -> Duration {
        let interval = self.interval;
        self.interval = (interval * 2).min(MAX_INTERVAL);
        interval
    }
}
