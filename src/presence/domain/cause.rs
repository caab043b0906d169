//! Causes: why a change was recorded.

use serde::{Deserialize, Serialize};

/// Why a change was recorded, in the words of its JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A heartbeat, which also says whether its session is active.
    Heartbeat,
    /// An explicit call that the user is online.
    Online,
    /// An explicit call that the user is offline, in all sessions.
    Offline,
    /// The end of a session that was named.
    SessionEnd,
    /// No heartbeat of an active session for `cache.away_after_seconds`.
    AwayAfter,
    /// No heartbeat for `cache.ttl_seconds`.
    Ttl,
    /// The app removed the Laravel record before its time, as `offline()`, `Cache::forget()` and `cache:clear` do.
    RecordForgotten,
    /// The app wrote a Laravel record that is newer than what was known.
    RecordAdopted,
    /// Time has passed according to a clock that was set back.
    Clock,
    /// The stored state was lost, and lists disagreed with it.
    Reconciled,
}

impl Cause {
    /// Every cause, in the order of their discriminants.
    pub const ALL: [Self; 10] = [
        Self::Heartbeat,
        Self::Online,
        Self::Offline,
        Self::SessionEnd,
        Self::AwayAfter,
        Self::Ttl,
        Self::RecordForgotten,
        Self::RecordAdopted,
        Self::Clock,
        Self::Reconciled,
    ];

    /// The word used in JSON and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::SessionEnd => "session_end",
            Self::AwayAfter => "away_after",
            Self::Ttl => "ttl",
            Self::RecordForgotten => "record_forgotten",
            Self::RecordAdopted => "record_adopted",
            Self::Clock => "clock",
            Self::Reconciled => "reconciled",
        }
    }
}
