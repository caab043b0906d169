//! The state of one user between two requests.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::identity::{Meta, Scope, SessionId, Subject, UserId};
use super::session::{MAX_SESSIONS, Session, SessionEnd};
use super::status::Status;
use super::time::{Timestamp, Windows};

/// One user in one scope: the unit that a store keeps, versions and commits.
///
/// `version` is a hybrid clock, `max(previous + 1, now in ms)`: it rises whenever the state is written, also across a
/// purge, and doubles as the source of every change's `seq`. Its serialized names are short, since heartbeats of users
/// with several sessions write it each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The hybrid clock of the commit that wrote this state. Stored next to the state, not in its JSON.
    #[serde(skip)]
    pub version: u64,
    /// The id as the application last spelled it (123 stays a number).
    #[serde(rename = "u")]
    pub user: UserId,
    /// The scope as the application last spelled it.
    #[serde(rename = "g")]
    pub scope: Scope,
    /// The status of the last change.
    #[serde(rename = "s")]
    pub status: Status,
    /// When that status began, or was last announced again.
    #[serde(rename = "f")]
    pub since: Timestamp,
    /// The sessions that are fresh, oldest heartbeat first.
    #[serde(rename = "c")]
    pub sessions: Vec<Session>,
    /// The newest heartbeat that was active, also after the user went offline.
    #[serde(rename = "o")]
    pub last_online: Option<Timestamp>,
    /// The session that ended last, of those whose ends had a `sent_at`.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<SessionEnd>,
    /// The meta of the newest heartbeat.
    #[serde(rename = "m", deserialize_with = "meta")]
    pub meta: Meta,
}

/// Reads a meta without an intermediate value, since the rules do not use its content.
fn meta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Meta, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?;
    Meta::from_json(json.get()).map_err(D::Error::custom)
}

impl State {
    /// The state of a user who is not remembered: offline since `now`, without sessions.
    pub(super) fn new(subject: &Subject, now: Timestamp) -> Self {
        Self {
            version: 0,
            user: subject.user.clone(),
            scope: subject.scope.clone(),
            status: Status::Offline,
            since: now,
            sessions: Vec::new(),
            last_online: None,
            ended: None,
            meta: Meta::default(),
        }
    }

    /// The newest heartbeat of any session.
    pub fn seen(&self) -> Option<Timestamp> {
        self.sessions.iter().map(|session| session.seen).max()
    }

    /// When the user stops being online without a further heartbeat; `None` if no session is active.
    pub fn online_until(&self, windows: &Windows) -> Option<Timestamp> {
        let newest = self.sessions.iter().filter(|session| session.active).map(|session| session.seen).max();
        newest.map(|seen| seen.plus(windows.away_after))
    }

    /// When the user stops being present without a further heartbeat; `None` if no session is left.
    pub fn present_until(&self, windows: &Windows) -> Option<Timestamp> {
        self.seen().map(|seen| seen.plus(windows.ttl))
    }

    /// When time alone changes this state next: away, offline, or the purge of a user who went offline long ago.
    pub fn due(&self, windows: &Windows) -> Timestamp {
        let boundary = match self.status {
            Status::Online => self.online_until(windows),
            Status::Away => self.present_until(windows),
            Status::Offline => None,
        };
        boundary.unwrap_or_else(|| self.since.plus(windows.remember))
    }

    /// Whether times of this state lie in the future, further than the clocks of hosts differ: the clock was set back.
    pub(super) fn is_ahead(&self, windows: &Windows, now: Timestamp) -> bool {
        let times = [Some(self.since), self.last_online, self.seen()];
        times.into_iter().flatten().any(|time| time > now.plus(windows.margin()))
    }

    /// Replaces every time in the future by `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let now = now.whole_second();
        self.since = self.since.min(now);
        self.last_online = self.last_online.map(|time| time.min(now));
        self.sessions.iter_mut().for_each(|session| session.seen = session.seen.min(now));
    }

    /// Advances the hybrid clock and returns it.
    pub(super) fn advance_version(&mut self, now: Timestamp) -> u64 {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        self.version = millis.max(self.version + 1);
        self.version
    }

    /// Records a heartbeat of `session`, which never moves its time backwards.
    pub(super) fn record_heartbeat(&mut self, id: SessionId, seen: Timestamp, active: bool) {
        let known = self.sessions.iter().position(|session| session.id == id);
        let seen = match known.map(|index| self.sessions.remove(index)) {
            Some(before) => before.seen.max(seen),
            None => seen,
        };
        if self.sessions.len() >= MAX_SESSIONS {
            self.sessions.remove(0);
        }
        let at = self.sessions.partition_point(|session| session.seen <= seen);
        self.sessions.insert(at, Session { id, seen, active });
        if active {
            self.last_online = self.last_online.max(Some(seen));
        }
    }
}
