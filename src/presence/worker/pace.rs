//! How many users a sweep commits at once.
//!
//! A store makes one commit after the other, so callers wait for that of a sweep. While there are callers, a sweep commits as
//! many users as take a few milliseconds, as measured; without callers, as many as it has. Where a commit takes long
//! whatever its size, as in a database that waits for the disk, small commits would only make the sweep late: so the number
//! shrinks only while it costs little more for each user.

use std::time::Duration;

/// The time that one commit of a sweep should take at most while callers wait for it.
const MAX_TIME: Duration = Duration::from_millis(4);
/// The least number of users.
const MIN_USERS: usize = 32;
/// The number of users before anything was measured.
const FIRST_USERS: usize = 128;
/// How much more a user may cost in a smaller commit.
const MAX_COST: f64 = 1.15;
/// How fast the least cost that was measured is forgotten: with each commit it rises by this factor.
const FORGET: f64 = 1.02;

/// The number of users of the next commit of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    users: usize,
    max: usize,
    /// Seconds per user, of the commit that took least.
    least_cost: f64,
}

impl Pace {
    /// A pace of at most `max` users at once.
    pub fn new(max: usize) -> Self {
        Self { users: FIRST_USERS.min(max), max, least_cost: f64::INFINITY }
    }

    /// The number of users to commit next.
    pub fn users(&self) -> usize {
        self.users
    }

    /// Learns that a commit of `users` took `time`, and whether there were callers meanwhile.
    pub fn record(&mut self, users: usize, time: Duration, has_callers: bool) {
        if users < self.users {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a commit has at most thousands of users")]
        let cost = time.as_secs_f64() / users.max(1) as f64;
        self.least_cost = (self.least_cost * FORGET).min(cost);
        let is_dear = cost > self.least_cost * MAX_COST * MAX_COST;
        if !has_callers || is_dear || 2 * time < MAX_TIME {
            self.users = (2 * self.users).min(self.max);
        } else if time > MAX_TIME && cost <= self.least_cost * MAX_COST {
            self.users = (self.users / 2).max(MIN_USERS.min(self.max));
        }
    }
}
