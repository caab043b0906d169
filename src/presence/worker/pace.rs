//! How many users a sweep commits at once.
//!
//! A store makes one commit after the other, so callers wait for that of a sweep. While there are callers, a sweep commits as
//! many users as take a few milliseconds, as measured; without callers, as many as it has. Where a commit takes long
//! whatever its size, as in a database that waits for the disk, small commits would only make the sweep late: so the store
//! says how small they may be.

use std::time::Duration;

/// The time that one commit of a sweep should take at most while callers wait for it.
const MAX_TIME: Duration = Duration::from_millis(2);
/// The number of users before anything was measured.
const FIRST_USERS: usize = 128;

/// The number of users of the next commit of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct SweepPace {
    users: usize,
    least: usize,
    most: usize,
}

impl SweepPace {
    /// A pace of at least `least` and at most `most` users at once.
    pub fn new(least: usize, most: usize) -> Self {
        Self { users: FIRST_USERS.clamp(least.min(most), most), least, most }
    }

    /// The number of users to commit next.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Learns that a commit of `users` took `time`, and whether there were callers meanwhile. A commit of fewer users than
    /// were permitted tells nothing.
    pub fn record(&mut self, users: usize, time: Duration, has_callers: bool) {
        if users < self.users {
            return;
        }
        if !has_callers || 2 * time < MAX_TIME {
            self.users = (2 * self.users).min(self.most);
        } else if time > MAX_TIME {
            self.users = (self.users / 2).clamp(self.least.min(self.most), self.most);
        }
    }
}
