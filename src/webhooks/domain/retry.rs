//! When a delivery is tried again. Pure.

use std::time::{Duration, SystemTime};

/// What a try led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The receiver answered.
    Status {
        /// With this status.
        status: u16,
        /// And asked not to come back before this span (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// It did not answer in time, or not at all; in words for people.
    Failed(String),
    /// Nothing was sent, since the address may not be posted to; in words for people.
    Refused(String),
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// It arrived.
    Done,
    /// Come again after this span.
    Retry(Duration),
    /// The schedule is over.
    GiveUp,
}

/// How long a receiver that is gone is left alone.
const GONE: Duration = Duration::from_secs(3600);
/// A receiver may put off the next try by this much.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What to do after `answer` to the try with this `number` (1 is the first). `jitter`, from 0 to 1, adds up to a tenth.
pub fn next(answer: &AttemptResult, number: u32, schedule: &[Duration], jitter: f64) -> RetryDecision {
    let asked = match answer {
        AttemptResult::Status { status: 200..=299, .. } => return RetryDecision::Done,
        _ => answer.rest().unwrap_or_default(),
    };
    let place = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    match schedule.get(place) {
        Some(pause) => RetryDecision::Retry((*pause).max(asked) + pause.mul_f64(jitter.clamp(0.0, 1.0) / 10.0)),
        None => RetryDecision::GiveUp,
    }
}

/// What a `Retry-After` asks for at `now`: a number of seconds, or a date (RFC 9110, 10.2.3), of which one that has
/// passed asks for nothing.
pub fn after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

impl AttemptResult {
    /// How long the receiver wants to be left alone: as long as it says, or an hour if it is gone for good (410).
    pub fn rest(&self) -> Option<Duration> {
        match self {
            Self::Status { status: 410, .. } => Some(GONE),
            Self::Status { retry_after, .. } => retry_after.map(|asked| asked.min(LONGEST_RETRY_AFTER)),
            Self::Failed(_) | Self::Refused(_) => None,
        }
    }

    /// Whether the receiver as a whole, and not just this delivery, is in trouble.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 410 | 429 | 500..),
            Self::Failed(_) | Self::Refused(_) => true,
        }
    }

    /// Whether another try at once may do better.
    pub fn is_worth_another(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Status { status: 500.., retry_after: None })
    }

    /// In words for people; never what the receiver said in its body.
    pub fn describe(&self) -> String {
        match self {
            Self::Status { status, .. } => format!("HTTP {status}"),
            Self::Failed(why) | Self::Refused(why) => why.clone(),
        }
    }

    /// In one word, for a metric.
    pub fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Status { status: 200..=299, .. } => AttemptOutcome::Delivered,
            Self::Status { .. } => AttemptOutcome::Rejected,
            Self::Failed(_) => AttemptOutcome::Failed,
            Self::Refused(_) => AttemptOutcome::Refused,
        }
    }
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver took it.
    Delivered,
    /// The receiver answered otherwise.
    Rejected,
    /// There was no answer.
    Failed,
    /// Nothing was sent.
    Refused,
}

impl AttemptOutcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Rejected, Self::Failed, Self::Refused];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}
