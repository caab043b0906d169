//! HeartbeatsRequest that change nothing but the time of the last one: nearly all there are.
//!
//! A user with a single session who goes on as before is *steady*. Of a steady heartbeat only the Laravel record tells;
//! the state on file, its version and its due time stay as they are, so that any number of replicas may take such
//! heartbeats of a user without getting in each other's way. So a state on file may be older than the record, and
//! whoever reads a state reads the record, too: what it says is true of the only session. The sweep does so when the
//! state falls due, and files it; if nobody sweeps until the record, too, has expired, the user's last change is dated
//! by the state, which is too early by `away_after` at most.

use super::identity::{SessionId, Subject};
use super::{Input, Record, RecordLookup, Session, State, Status, Timestamp, Windows};

impl State {
    /// The session of a user who has one only.
    pub fn only_session(&self) -> Option<&Session> {
        match self.sessions.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether `input` is a steady heartbeat, provided that this state, with the record adopted, is the current one.
    ///
    /// None is steady close to the moment at which the user falls due: it could be missed by a sweep that has read the
    /// record already, but would notice a newer version.
    pub fn is_refresh(&self, subject: &Subject, input: &Input, windows: &Windows, now: Timestamp) -> bool {
        let (Input::Heartbeat(beat), Some(only)) = (input, self.only_session()) else { return false };
        let goes_on = beat.session == only.id && beat.active == only.active && !self.remembers_end_of(beat);
        let as_reported = match self.status {
            Status::Online => beat.active,
            Status::Away => !beat.active,
            Status::Offline => false,
        };
        let same_spelling = self.user == subject.user && self.scope == subject.scope;
        let in_good_time = self.due(windows) > now.plus(windows.margin()) && !self.is_ahead(windows, now);
        goes_on && as_reported && same_spelling && in_good_time
    }

    /// Whether this state is enough to apply `input` to, provided that its version is the one on file. If not, the record
    /// has to be looked at, too: it may be ahead, or time has brought about what PHP may have prevented.
    pub fn is_sufficient_for(&self, subject: &Subject, input: &Input, windows: &Windows, now: Timestamp) -> bool {
        let stays = self.status.is_present() && self.due(windows) > now;
        stays && (self.only_session().is_none() || self.is_refresh(subject, input, windows, now))
    }

    /// The state with what the record says beyond it of the only session.
    pub fn merged_with(mut self, record: &RecordLookup, now: Timestamp) -> Self {
        if let (Some(only), RecordLookup::Found(record)) = (self.only_session(), record)
            && record.last_seen >= only.seen
        {
            self.merge_record(record.clone(), now);
        }
        self
    }

    /// Records a heartbeat that was found in a Laravel record, as one of the only session, or else of the default one.
    /// Of several in one second the record has the last one's meta.
    pub(super) fn merge_record(&mut self, record: Record, now: Timestamp) {
        if self.seen().is_none_or(|seen| seen < record.last_seen) {
            let session = self.only_session().map_or_else(SessionId::default, |only| only.id.clone());
            self.beat(session, record.last_seen.min(now), !record.idle);
        }
        self.meta = record.meta;
    }
}
