//! The inputs of the rules: heartbeats, explicit calls, and the passing of time.

use super::identity::{Meta, SessionId};
use super::time::DeviceTime;

/// The content of a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The session that sends it.
    pub session: SessionId,
    /// Whether the user is active in that session.
    pub active: bool,
    /// The meta to keep with the user; replaces the meta before.
    pub meta: Meta,
    /// When it was sent, by the clock of the device.
    pub sent_at: Option<DeviceTime>,
}

/// An input to the rules, about one user.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A heartbeat. Only a real transition is recorded.
    Heartbeat(Heartbeat),
    /// An explicit `online()`: a heartbeat that is always recorded.
    Online(Heartbeat),
    /// An explicit `offline()`, of one session or of all. The end of the last session is always recorded.
    Offline {
        /// The session that ends; `None` ends all.
        session: Option<SessionId>,
        /// The meta of the change.
        meta: Meta,
        /// When it was sent, by the clock of the device of the session; not used if all sessions end.
        sent_at: Option<DeviceTime>,
    },
    /// Nothing but the passing of time.
    Tick,
}
