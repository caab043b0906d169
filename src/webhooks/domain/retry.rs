//! Retries of deliveries. Pure.

use std::time::{Duration, SystemTime};

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The receiver responded.
    Status {
        /// The HTTP status.
        status: u16,
        /// The pause that the receiver requests (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// There was no response, or not in time; with a description for people.
    Failed(String),
    /// The egress policy forbids the address, nothing was sent; with a description for people.
    Refused(String),
}

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// The delivery succeeded.
    Done,
    /// Retry after this pause.
    Retry(Duration),
    /// The schedule is used up.
    GiveUp,
}

/// Pause after HTTP 410.
const GONE_PAUSE: Duration = Duration::from_secs(3600);
/// The longest pause that a receiver may request.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Decides after the attempt with this `number` (1 is the first). `jitter`, from 0 to 1, adds up to a tenth to the pause
/// of the schedule.
pub fn decide(result: &AttemptResult, number: u32, schedule: &[Duration], jitter: f64) -> RetryDecision {
    let requested = match result {
        AttemptResult::Status { status: 200..=299, .. } => return RetryDecision::Done,
        _ => result.retry_after().unwrap_or_default(),
    };
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    match schedule.get(index) {
        Some(pause) => RetryDecision::Retry((*pause).max(requested) + pause.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)),
        None => RetryDecision::GiveUp,
    }
}

/// Parses a `Retry-After` header at `now`: seconds, or a date (RFC 9110, 10.2.3); a date in the past is a pause of zero.
pub fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

impl AttemptResult {
    /// The pause that the receiver requests, at most a day; an hour for 410 (Gone).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 410, .. } => Some(GONE_PAUSE),
            Self::Status { retry_after, .. } => retry_after.map(|pause| pause.min(MAX_RETRY_AFTER)),
            Self::Failed(_) | Self::Refused(_) => None,
        }
    }

    /// Whether the receiver as a whole fails, and not just this delivery.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 410 | 429 | 500..),
            Self::Failed(_) | Self::Refused(_) => true,
        }
    }

    /// Whether an immediate second request may succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Status { status: 500.., retry_after: None })
    }

    /// A description for people, without the body of the response.
    pub fn describe(&self) -> String {
        match self {
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Failed(reason) | Self::Refused(reason) => reason.clone(),
        }
    }

    /// The outcome, as a metric's label.
    pub fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Status { status: 200..=299, .. } => AttemptOutcome::Delivered,
            Self::Status { .. } => AttemptOutcome::Rejected,
            Self::Failed(_) => AttemptOutcome::Failed,
            Self::Refused(_) => AttemptOutcome::Refused,
        }
    }
}

/// The outcome of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver accepted it.
    Delivered,
    /// The receiver responded with an error.
    Rejected,
    /// There was no response.
    Failed,
    /// The egress policy refused it.
    Refused,
}

impl AttemptOutcome {
    /// All outcomes, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Rejected, Self::Failed, Self::Refused];

    /// The metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}
