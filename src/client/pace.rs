//! How often a client polls: soon after something came, ever more seldom while nothing does.

use std::time::Duration;

use super::ClientError;

/// The wait after something came.
const SHORTEST: Duration = Duration::from_secs(3);

/// The wait when nothing has come for long.
const LONGEST: Duration = Duration::from_secs(30);

/// Messages on a full page: more may follow.
const PAGE: usize = 50;

/// Waits of 3, 6, 12, 24, 30, 30, … seconds between polls that find nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollBackoff {
    next: Duration,
}

impl Default for PollBackoff {
    fn default() -> Self {
        Self { next: SHORTEST }
    }
}

impl PollBackoff {
    /// How long to wait after a poll that found so many messages. Behind a full page there may be another.
    pub fn after(&mut self, found: usize) -> Duration {
        match found {
            0 => self.slower(),
            PAGE.. => {
                self.reset();
                Duration::ZERO
            }
            _ => {
                self.reset();
                SHORTEST
            }
        }
    }

    /// How long to wait after a poll that failed: never less than the sidecar asks for.
    pub fn after_failure(&mut self, failure: &ClientError) -> Duration {
        self.slower().max(failure.retry_after().unwrap_or_default())
    }

    /// Begins anew, as after something was sent, when an answer may be near.
    pub fn reset(&mut self) {
        self.next = SHORTEST;
    }

    fn slower(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}
