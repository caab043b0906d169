//! Laravel's `throttle` middleware: a fixed window per caller, counted in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moka::sync::Cache;
use poem::http::{HeaderMap, HeaderValue};

/// Maximum number of callers whose windows are kept: some 20 MB of memory.
const MAX_CALLERS: u64 = 100_000;

/// Limits the requests of each caller per window.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    max: u32,
    per: Duration,
    windows: Cache<String, Arc<Window>>,
}

#[derive(Debug)]
struct Window {
    used: AtomicU32,
    ends: Instant,
}

/// A request within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The limit.
    pub limit: u32,
    /// The requests that are left in the window.
    pub remaining: u32,
}

/// A request over the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit.
    pub limit: u32,
    /// Whole seconds until the window ends, at least 1.
    pub retry_after: u64,
}

impl RateLimiter {
    /// Allows `max` requests per caller in each window of length `per`.
    pub fn new(max: u32, per: Duration) -> Self {
        Self { max, per, windows: Cache::builder().max_capacity(MAX_CALLERS).time_to_live(per).build() }
    }

    /// Checks whether `caller` has a request left at `now`, without counting one.
    ///
    /// # Errors
    /// The caller's window is used up.
    pub fn peek(&self, caller: &str, now: Instant) -> Result<(), LimitExceeded> {
        match self.windows.get(caller) {
            Some(window) if window.ends > now && window.used.load(Ordering::Relaxed) >= self.max => {
                Err(self.exceeded(&window, now))
            }
            _ => Ok(()),
        }
    }

    /// Counts one request of `caller` at `now`.
    ///
    /// # Errors
    /// The caller's window is used up.
    pub fn acquire(&self, caller: &str, now: Instant) -> Result<Allowed, LimitExceeded> {
        self.acquire_many(caller, 1, now)
    }

    /// Counts `number` requests of `caller` at `now`: all of them, or none.
    ///
    /// # Errors
    /// Too few are left in the caller's window.
    pub fn acquire_many(&self, caller: &str, number: u32, now: Instant) -> Result<Allowed, LimitExceeded> {
        let fresh = || Arc::new(Window { used: AtomicU32::new(0), ends: now + self.per });
        let mut window = self.windows.get_with_by_ref(caller, fresh);
        if window.ends <= now {
            window = fresh();
            self.windows.insert(caller.to_owned(), window.clone());
        }
        let used = window.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(number).filter(|sum| *sum <= self.max)
        });
        match used {
            Ok(used) => Ok(Allowed { limit: self.max, remaining: self.max - used - number }),
            Err(_) => Err(self.exceeded(&window, now)),
        }
    }

    fn exceeded(&self, window: &Window, now: Instant) -> LimitExceeded {
        let left = window.ends.saturating_duration_since(now);
        LimitExceeded { limit: self.max, retry_after: left.as_secs().max(1) }
    }
}

impl Allowed {
    /// Sets Laravel's rate-limit headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", self.limit.into());
        headers.insert("x-ratelimit-remaining", self.remaining.into());
    }
}

impl LimitExceeded {
    /// Sets Laravel's rate-limit headers.
    #[expect(clippy::disallowed_methods, reason = "a header tells the caller a time of day")]
    pub fn write(&self, headers: &mut HeaderMap) {
        Allowed { limit: self.limit, remaining: 0 }.write(headers);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        headers.insert("retry-after", HeaderValue::from(self.retry_after));
        headers.insert("x-ratelimit-reset", HeaderValue::from(now + self.retry_after));
    }
}
