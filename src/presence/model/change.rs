//! What the change log says.

use serde::{Deserialize, Serialize};

use super::status::Status;
use super::time::Timestamp;
use crate::presence::identity::{Meta, Scope, UserId};

/// One entry of the change log: a transition, or an explicit announcement (`online()` of a user who is online).
///
/// Recorded exactly once, in the same commit as the state it belongs to. `seq` rises strictly per user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The id as the application spelled it.
    pub user_id: UserId,
    /// The scope the user is in.
    pub scope: Scope,
    /// The status that begins (or is announced again) with this entry.
    pub status: Status,
    /// The status before; equal to `status` when an explicit call announced it again.
    pub previous: Status,
    /// The user's hybrid clock: of two entries of a user the greater one is the later.
    pub seq: u64,
    /// When the status began: the moment of the call, or of the due time that passed.
    pub occurred_at: Timestamp,
    /// What the call, or the last heartbeat, brought along.
    pub meta: Meta,
}

/// What a call did to the user's presence, in the words of the PHP package's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The user was offline and is present now.
    CameOnline,
    /// The user was present and is offline now.
    WentOffline,
}

impl Transition {
    /// The transition between two statuses, if it is one that PHP has an event for.
    pub fn between(before: Status, after: Status) -> Option<Self> {
        match (before.is_present(), after.is_present()) {
            (false, true) => Some(Self::CameOnline),
            (true, false) => Some(Self::WentOffline),
            (true, true) | (false, false) => None,
        }
    }
}
