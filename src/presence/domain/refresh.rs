//! Refreshes: heartbeats that change nothing but the time of the newest heartbeat. Nearly all heartbeats are refreshes.
//!
//! The heartbeat of a user with a single session who stays active, or inactive, is a *refresh*. It is written to the
//! Laravel record alone. The stored state, its version and its due time stay, so any number of replicas can take
//! refreshes of a user without conflicts. So a stored state may be older than the record, and every reader of a state
//! reads the record, too: what it says is true of the only session. The sweep does so when the state is due, and stores
//! the result. If no sweep runs until the record, too, has expired, the last change of the user is dated by the state,
//! too early by `away_after` at most.

use super::identity::{SessionId, Subject};
use super::{Input, Record, RecordLookup, Session, State, Status, Timestamp, Windows};

impl State {
    /// The session of a user who has a single one.
    pub fn only_session(&self) -> Option<&Session> {
        match self.sessions.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether `input` is a refresh, provided that this state, with the record adopted, is the current one.
    ///
    /// No heartbeat is a refresh close to the moment at which the user is due: a sweep that has read the record already
    /// would miss it, but it notices a newer version.
    pub fn is_refresh(&self, subject: &Subject, input: &Input, windows: &Windows, now: Timestamp) -> bool {
        let (Input::Heartbeat(heartbeat), Some(only)) = (input, self.only_session()) else { return false };
        let is_same =
            heartbeat.session == only.id && heartbeat.active == only.active && !self.remembers_end_of(heartbeat);
        let is_reported = match self.status {
            Status::Online => heartbeat.active,
            Status::Away => !heartbeat.active,
            Status::Offline => false,
        };
        let is_spelled_alike = self.user == subject.user && self.scope == subject.scope;
        let is_early = self.due(windows) > now.plus(windows.margin()) && !self.is_ahead(windows, now);
        is_same && is_reported && is_spelled_alike && is_early
    }

    /// Whether `input` can be applied to this state without the record, provided that its version is the stored one. If
    /// not, the record must be read: it may be newer, or PHP may have prevented a timeout.
    pub fn is_sufficient_for(&self, subject: &Subject, input: &Input, windows: &Windows, now: Timestamp) -> bool {
        let stays_present = self.status.is_present() && self.due(windows) > now;
        stays_present && (self.only_session().is_none() || self.is_refresh(subject, input, windows, now))
    }

    /// The state with what the record adds about the only session.
    pub fn merged_with(mut self, record: &RecordLookup, now: Timestamp) -> Self {
        if let (Some(only), RecordLookup::Found(record)) = (self.only_session(), record)
            && record.last_seen >= only.seen
        {
            self.merge_record(record.clone(), now);
        }
        self
    }

    /// Records a heartbeat found in a Laravel record, as one of the only session, or else of the default session. Of
    /// several heartbeats in one second the record has the meta of the last one.
    pub(super) fn merge_record(&mut self, record: Record, now: Timestamp) {
        if self.seen().is_none_or(|seen| seen < record.last_seen) {
            let session = self.only_session().map_or_else(SessionId::default, |only| only.id.clone());
            self.record_heartbeat(session, record.last_seen.min(now), !record.idle);
        }
        self.meta = record.meta;
    }
}
