//! What a user is: online, away or offline.

use serde::{Deserialize, Serialize};

use super::time::{Timestamp, Windows};

/// A user's presence, in the words of the PHP package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// At least one session is active and fresh.
    Online,
    /// No session is active, but at least one is fresh.
    Away,
    /// No session is left.
    Offline,
}

impl Status {
    /// The status of a Laravel record: `online` below `away_after`, `away` below the TTL, else `offline`.
    ///
    /// Elapsed time is absolute and in whole seconds, as the PHP package counts it. A record marked `idle`
    /// (this sidecar's own mark for a fresh but inactive user) is at best `away`.
    pub fn of_record(last_seen: Timestamp, idle: bool, now: Timestamp, windows: &Windows) -> Self {
        let elapsed = now.seconds_apart(last_seen);
        if elapsed >= windows.ttl.secs() {
            Self::Offline
        } else if idle || elapsed >= windows.away_after.secs() {
            Self::Away
        } else {
            Self::Online
        }
    }

    /// The lower-case word used in JSON, keys and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    /// The status that this word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Online, Self::Away, Self::Offline].into_iter().find(|status| status.as_str() == word)
    }

    /// Online or away.
    pub const fn is_present(self) -> bool {
        !matches!(self, Self::Offline)
    }
}
