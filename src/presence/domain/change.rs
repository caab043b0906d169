//! What the change log says.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::{Meta, Scope, UserId};
use super::status::Status;
use super::time::Timestamp;

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
    /// A mere sign of life: nothing changed, so it is announced to those who want it, but not recorded.
    #[serde(rename = "beat", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_heartbeat: bool,
}

/// What a change is called where it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The user is online.
    Online,
    /// The user is away.
    Away,
    /// The user is offline.
    Offline,
    /// The user gave a sign of life.
    Heartbeat,
}

impl Event {
    /// Its name: lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl Change {
    /// What it is called where it is announced.
    pub fn event(&self) -> Event {
        match self.status {
            _ if self.is_heartbeat => Event::Heartbeat,
            Status::Online => Event::Online,
            Status::Away => Event::Away,
            Status::Offline => Event::Offline,
        }
    }

    /// Its id: a version 5 UUID of user, scope and `seq` in the name space of an installation. The same for ever, and
    /// wherever it is asked for, so that who is told twice can tell.
    pub fn id(&self, installation: &Uuid) -> Uuid {
        let name = serde_json::to_vec(&(&self.user_id, &self.scope, self.seq));
        let name = name.unwrap_or_else(|error| unreachable!("ids and scopes have string keys only: {error}"));
        Uuid::new_v5(installation, &name)
    }
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
