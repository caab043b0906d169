//! Laravel's `throttle` middleware: a fixed window per caller, counted in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use moka::sync::Cache;
use poem::http::{HeaderMap, HeaderValue};

use crate::config::RateLimit;

/// Maximum number of callers whose windows are kept: some 20 MB of memory.
const MAX_CALLERS: u64 = 100_000;

/// Limits the requests of each caller per window. Clones share the limit and the windows.
#[derive(Clone, Debug)]
pub struct RateLimiter(Arc<ArcSwap<LimitWindows>>);

#[derive(Debug)]
struct LimitWindows {
    /// `None` means no limit.
    limit: Option<RateLimit>,
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
    /// Allows each caller the requests of `limit`; `None` means no limit.
    pub fn new(limit: Option<RateLimit>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(LimitWindows::new(limit))))
    }

    /// Replaces the limit. All windows begin anew if it is another one.
    pub fn set(&self, limit: Option<RateLimit>) {
        if self.0.load().limit != limit {
            self.0.store(Arc::new(LimitWindows::new(limit)));
        }
    }

    /// The limiter, if there is a limit.
    pub fn active(&self) -> Option<&Self> {
        self.0.load().limit.is_some().then_some(self)
    }

    /// Checks whether `caller` has a request left at `now`, without counting one.
    ///
    /// # Errors
    /// The caller's window is used up.
    pub fn peek(&self, caller: &str, now: Instant) -> Result<(), LimitExceeded> {
        let LimitWindows { limit: Some(limit), windows } = &**self.0.load() else { return Ok(()) };
        match windows.get(caller) {
            Some(window) if window.ends > now && window.used.load(Ordering::Relaxed) >= limit.max => {
                Err(window.exceeded(limit.max, now))
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
        let current = self.0.load();
        // Without a limit only if it was removed after the caller had seen it.
        let RateLimit { max, per } = current.limit.unwrap_or(RateLimit { max: u32::MAX, per: Duration::ZERO });
        let fresh = || Arc::new(Window { used: AtomicU32::new(0), ends: now + per });
        let mut window = current.windows.get_with_by_ref(caller, fresh);
        if window.ends <= now {
            window = fresh();
            current.windows.insert(caller.to_owned(), window.clone());
        }
        let used = window.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(number).filter(|sum| *sum <= max)
        });
        match used {
            Ok(used) => Ok(Allowed { limit: max, remaining: max - used - number }),
            Err(_) => Err(window.exceeded(max, now)),
        }
    }
}

impl LimitWindows {
    fn new(limit: Option<RateLimit>) -> Self {
        let lifetime = limit.map_or(Duration::ZERO, |limit| limit.per);
        Self { limit, windows: Cache::builder().max_capacity(MAX_CALLERS).time_to_live(lifetime).build() }
    }
}

impl Window {
    fn exceeded(&self, limit: u32, now: Instant) -> LimitExceeded {
        let left = self.ends.saturating_duration_since(now);
        LimitExceeded { limit, retry_after: left.as_secs().max(1) }
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
