//! Changes: the entries of the change log and the events of the queues.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::cause::Cause;
use super::identity::{Meta, Scope, Subject, UserId};
use super::status::Status;
use super::time::Timestamp;
use crate::trace::TraceParent;

/// One entry of the change log: a transition, or an explicit announcement (`online()` for a user who is online).
///
/// It is recorded exactly once, in the same commit as the state it belongs to. `seq` rises strictly per user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its id: a version 5 UUID of user, scope and `seq` in the namespace of an installation. It is the same in every
    /// queue and response, so that receivers recognize a change that is delivered twice. Not a part of the JSON.
    #[serde(skip)]
    pub id: Uuid,
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
    /// Why it was recorded; `None` in entries that were written before there were causes.
    #[serde(default, deserialize_with = "known_cause", skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The meta of the call, or of the last heartbeat.
    pub meta: Meta,
    /// The trace of the call that caused it.
    #[serde(default, deserialize_with = "crate::trace::deserialize", skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<TraceParent>>,
    /// Whether this is a heartbeat event, which follows the changes that the heartbeat caused. It is pushed to the queues that
    /// receive heartbeats, and is not recorded in the change log.
    #[serde(rename = "beat", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_heartbeat: bool,
}

/// A cause; `None` for a word of a later release.
fn known_cause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cause>, D::Error> {
    let word = Option::<String>::deserialize(deserializer)?;
    Ok(Cause::ALL.into_iter().find(|cause| Some(cause.as_str()) == word.as_deref()))
}

/// The event that a change is delivered as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The user is online.
    Online,
    /// The user is away.
    Away,
    /// The user is offline.
    Offline,
    /// A heartbeat, after the changes that it caused.
    Heartbeat,
}

impl Event {
    /// The name of the event, in lower case.
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
    /// The event that the change is delivered as.
    pub fn event(&self) -> Event {
        match self.status {
            _ if self.is_heartbeat => Event::Heartbeat,
            Status::Online => Event::Online,
            Status::Away => Event::Away,
            Status::Offline => Event::Offline,
        }
    }

    /// Reads the JSON of a change of `installation`.
    ///
    /// # Errors
    /// The bytes are not the JSON of a change.
    pub fn decode(json: &[u8], installation: &Uuid) -> Result<Self, serde_json::Error> {
        let change: Self = serde_json::from_slice(json)?;
        Ok(Self { id: Self::id_of(installation, &change.user_id, &change.scope, change.seq), ..change })
    }

    /// The name of the user in the keys of every scope: that of [`UserKey::member`](super::identity::UserKey::member).
    pub fn member(&self) -> String {
        Subject::new(self.user_id.clone(), Scope::default(), false).key.member().to_owned()
    }

    /// The JSON of the change, as the change log and the queues store it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| unreachable!("a change has string keys only: {error}"))
    }

    /// The id of the change `seq` of a user in a scope.
    pub(super) fn id_of(installation: &Uuid, user: &UserId, scope: &Scope, seq: u64) -> Uuid {
        let name = serde_json::to_vec(&(user, scope, seq));
        let name = name.unwrap_or_else(|error| unreachable!("ids and scopes have string keys only: {error}"));
        Uuid::new_v5(installation, &name)
    }
}

/// The effect of a call on the user's presence, named as the events of the PHP package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The user was offline and is present now.
    CameOnline,
    /// The user was present and is offline now.
    WentOffline,
}

impl Transition {
    /// The transition between two statuses; `None` where PHP has no event for it.
    pub fn between(before: Status, after: Status) -> Option<Self> {
        match (before.is_present(), after.is_present()) {
            (false, true) => Some(Self::CameOnline),
            (true, false) => Some(Self::WentOffline),
            (true, true) | (false, false) => None,
        }
    }
}
