//! Sessions: the tabs and devices of a user.

use serde::{Deserialize, Serialize};

use super::identity::SessionId;
use super::time::{DeviceTime, Timestamp};

/// Most sessions of one user. The session with the oldest heartbeat is dropped for a new one.
pub const MAX_SESSIONS: usize = 64;

/// One tab or device of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name, unique for the user.
    #[serde(rename = "i")]
    pub id: SessionId,
    /// Its newest heartbeat, to the second.
    #[serde(rename = "t")]
    pub seen: Timestamp,
    /// Whether the user was active in it, according to that heartbeat.
    #[serde(rename = "a")]
    pub active: bool,
}

/// The end of a session, with the time at which it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// The session.
    #[serde(rename = "i")]
    pub session: SessionId,
    /// When its end was sent.
    #[serde(rename = "t")]
    pub sent_at: DeviceTime,
    /// When the end was received, to the second.
    #[serde(rename = "h")]
    pub received_at: Timestamp,
}
