//! The view of a user in responses: the four entries of the PHP facade, and what the sidecar adds.

use super::identity::{Meta, SessionId};
use super::{Record, RecordLookup, Session, State, Status, Timestamp, Windows};

/// The presence of a user, as responses give it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Online, away or offline.
    pub status: Status,
    /// The newest heartbeat, while a record of it exists.
    pub last_seen: Option<Timestamp>,
    /// Whole seconds since then.
    pub seconds_ago: Option<i64>,
    /// The meta of that heartbeat.
    pub meta: Meta,
    /// The newest active heartbeat, also after the user went offline.
    pub last_online: Option<Timestamp>,
    /// The sessions that are fresh.
    pub sessions: Vec<SessionView>,
}

/// One session of a [`View`].
#[derive(Clone, Debug, PartialEq)]
pub struct SessionView {
    /// Its name.
    pub id: SessionId,
    /// Online or away.
    pub status: Status,
    /// Its newest heartbeat.
    pub last_seen: Timestamp,
}

impl View {
    /// The view of a user without any heartbeat.
    pub fn offline() -> Self {
        Self {
            status: Status::Offline,
            last_seen: None,
            seconds_ago: None,
            meta: Meta::default(),
            last_online: None,
            sessions: Vec::new(),
        }
    }

    /// The view by a Laravel record alone: what the PHP facade returns.
    pub fn of_record(record: RecordLookup, windows: &Windows, now: Timestamp) -> Self {
        let RecordLookup::Found(Record { last_seen, idle, meta }) = record else { return Self::offline() };
        Self {
            status: Status::of_record(last_seen, idle, now, windows),
            last_seen: Some(last_seen),
            seconds_ago: Some(now.seconds_apart(last_seen)),
            meta,
            last_online: None,
            sessions: Vec::new(),
        }
    }

    /// The view by the record, with what the state adds. The status is that of the record, as in PHP.
    pub fn of_known(state: Option<State>, record: RecordLookup, windows: &Windows, now: Timestamp) -> Self {
        let state = state.map(|state| state.merged_with(&record, now));
        let mut view = Self::of_record(record, windows, now);
        let Some(state) = state else {
            view.last_online = view.last_seen.filter(|_| view.status == Status::Online);
            return view;
        };
        let seen = view.last_seen.filter(|_| view.status == Status::Online);
        view.last_online = state.last_online.max(seen);
        if view.status.is_present() {
            view.sessions = state.fresh_sessions(windows, now);
        }
        view
    }

    /// The view by a state that was just committed.
    pub fn of_state(state: Option<&State>, windows: &Windows, now: Timestamp) -> Self {
        let Some(state) = state else { return Self::offline() };
        if !state.status.is_present() {
            return Self { last_online: state.last_online, ..Self::offline() };
        }
        let last_seen = state.seen();
        Self {
            status: state.status,
            last_seen,
            seconds_ago: last_seen.map(|seen| now.seconds_apart(seen)),
            meta: state.meta.clone(),
            last_online: state.last_online,
            sessions: state.fresh_sessions(windows, now),
        }
    }
}

impl State {
    fn fresh_sessions(&self, windows: &Windows, now: Timestamp) -> Vec<SessionView> {
        let fresh = |session: &&Session| now.seconds_apart(session.seen) < windows.ttl.secs();
        self.sessions.iter().filter(fresh).map(|session| session.view(windows, now)).collect()
    }
}

impl Session {
    fn view(&self, windows: &Windows, now: Timestamp) -> SessionView {
        let status = Status::of_record(self.seen, !self.active, now, windows);
        SessionView { id: self.id.clone(), status, last_seen: self.seen }
    }
}
