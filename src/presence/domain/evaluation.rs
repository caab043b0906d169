//! One evaluation of the rules: the record is adopted, timeouts are applied, then the input.

use super::cause::Cause;
use super::change::Change;
use super::identity::{Meta, SessionId, Subject};
use super::input::{Heartbeat, Input};
use super::record::{Record, RecordLookup, RecordWrite};
use super::rules::Rules;
use super::state::State;
use super::status::Status;
use super::time::Timestamp;

/// One evaluation of the rules: what stays the same while the state moves, and the effects so far.
pub(super) struct Evaluation<'a> {
    rules: &'a Rules,
    now: Timestamp,
    pub(super) dirty: bool,
    pub(super) changes: Vec<Change>,
    /// The cause of changes by time that are not due to the passing of time alone.
    time_cause: Option<Cause>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(rules: &'a Rules, now: Timestamp) -> Self {
        Self { rules, now, dirty: false, changes: Vec::new(), time_cause: None }
    }

    /// Brings the state up to date: adopts what PHP wrote, then applies timeouts.
    pub(super) fn catch_up(&mut self, state: &mut State, record: RecordLookup) {
        if state.is_ahead(&self.rules.windows, self.now) {
            state.set_back(self.now);
            self.dirty = true;
            self.time_cause = Some(Cause::Clock);
        }
        // Only a state that was rebuilt is present without a session.
        if state.status.is_present() && state.sessions.is_empty() {
            self.time_cause = Some(Cause::Reconciled);
        }
        match record {
            RecordLookup::Found(record) => self.adopt(state, record),
            RecordLookup::Missing => self.end_if_removed(state),
            RecordLookup::Unknown | RecordLookup::Unreadable(_) => {}
        }
        self.apply_timeouts(state);
    }

    /// Adopts a record that is newer than the state: a heartbeat that another process wrote. A record dated so far in
    /// the future that PHP, too, takes the user for offline is ignored.
    fn adopt(&mut self, state: &mut State, record: Record) {
        let windows = &self.rules.windows;
        if record.last_seen >= self.now.plus(windows.ttl) {
            return;
        }
        let seen = record.last_seen.min(self.now);
        let is_newer = match state.seen() {
            Some(known) => record.last_seen > known,
            None => record.last_seen > state.since.whole_second() || state.version == 0,
        };
        if !is_newer {
            return self.adopt_meta(state, record.meta, record.last_seen);
        }
        let status = Status::of_record(seen, record.idle, self.now, windows);
        if !status.is_present() && !state.status.is_present() {
            return;
        }
        let began = if record.idle { Status::Away } else { Status::Online };
        state.merge_record(record, self.now);
        self.dirty = true;
        if !state.status.is_present() || (state.status == Status::Away && began == Status::Online) {
            self.change_status(state, began, seen, Cause::RecordAdopted);
        }
    }

    /// Adopts the meta of a record of the same second, which may be the record of a later heartbeat.
    fn adopt_meta(&mut self, state: &mut State, meta: Meta, seen: Timestamp) {
        let is_same_second = state.only_session().is_some_and(|only| only.seen == seen);
        if is_same_second && state.meta != meta {
            state.meta = meta;
            self.dirty = true;
        }
    }

    /// Ends a presence whose record is missing. The record lives as long as the newest heartbeat is fresh; if it is gone
    /// before that, PHP's `offline()` removed it.
    fn end_if_removed(&mut self, state: &mut State) {
        let is_fresh = state.present_until(&self.rules.windows).is_some_and(|until| until > self.now);
        if is_fresh {
            self.end_all(state, self.now, Cause::RecordForgotten);
        }
    }

    /// Turns every boundary that has passed into its change, dated at the boundary.
    fn apply_timeouts(&mut self, state: &mut State) {
        let windows = &self.rules.windows;
        if state.status == Status::Online {
            let until = state.online_until(windows).unwrap_or(self.now);
            if until <= self.now {
                self.change_status(state, Status::Away, until, self.time_cause.unwrap_or(Cause::AwayAfter));
            }
        }
        if state.status == Status::Away {
            let until = state.present_until(windows).unwrap_or(self.now);
            if until <= self.now {
                self.end_all(state, until, self.time_cause.unwrap_or(Cause::Ttl));
            }
        }
        let expired = self.now.minus(windows.ttl);
        let sessions = state.sessions.len();
        state.sessions.retain(|session| session.seen > expired);
        self.dirty |= state.sessions.len() != sessions;
    }

    /// Applies the input to a state that is up to date.
    pub(super) fn apply_input(&mut self, state: &mut State, subject: &Subject, input: Input) -> RecordWrite {
        match input {
            Input::Heartbeat(heartbeat) => self.apply_heartbeat(state, subject, heartbeat, false),
            Input::Online(heartbeat) => self.apply_heartbeat(state, subject, heartbeat, true),
            Input::Offline { session: None, meta, sent_at: _ } => {
                self.update_identity(state, subject);
                state.meta = meta;
                self.end_and_forget(state, Cause::Offline)
            }
            Input::Offline { session: Some(session), meta, sent_at } => {
                self.dirty |= sent_at.is_some_and(|sent_at| state.remember_end(&session, sent_at, self.now));
                self.end_session(state, &session, meta)
            }
            Input::Tick => RecordWrite::Keep,
        }
    }

    fn apply_heartbeat(
        &mut self,
        state: &mut State,
        subject: &Subject,
        heartbeat: Heartbeat,
        is_explicit: bool,
    ) -> RecordWrite {
        if state.is_stale(&heartbeat, self.now) {
            // The state stays; but a replica that did not know of the end may have put the record.
            return self.put_record(state);
        }
        self.update_identity(state, subject);
        if state.remembers_end_of(&heartbeat) {
            state.ended = None;
        }
        state.record_heartbeat(heartbeat.session, self.now.whole_second(), heartbeat.active);
        state.meta = heartbeat.meta;
        let status = if self.has_active_session(state) { Status::Online } else { Status::Away };
        if is_explicit || status != state.status {
            let cause = if is_explicit { Cause::Online } else { Cause::Heartbeat };
            self.change_status(state, status, self.now, cause);
        }
        self.put_record(state)
    }

    /// Ends one session; the user stays present in the others.
    fn end_session(&mut self, state: &mut State, session: &SessionId, meta: Meta) -> RecordWrite {
        let sessions = state.sessions.len();
        state.sessions.retain(|known| known.id != *session);
        if state.sessions.is_empty() {
            state.meta = meta;
            return self.end_and_forget(state, Cause::SessionEnd);
        }
        if state.sessions.len() == sessions {
            return RecordWrite::Keep;
        }
        self.dirty = true;
        if state.status == Status::Online && !self.has_active_session(state) {
            self.change_status(state, Status::Away, self.now, Cause::SessionEnd);
        }
        self.put_record(state)
    }

    fn has_active_session(&self, state: &State) -> bool {
        state.online_until(&self.rules.windows).is_some_and(|until| until > self.now)
    }

    /// The record of a user who became away in a fresh session: PHP goes by age alone and would take the user for online,
    /// unless the record is marked idle.
    pub(super) fn idle_record(&self, state: &State) -> RecordWrite {
        let away_after = self.rules.windows.away_after.secs();
        let is_fresh = state.seen().is_some_and(|seen| self.now.seconds_apart(seen) < away_after);
        let became_away = self.changes.iter().any(|change| change.status == Status::Away);
        if state.status == Status::Away && is_fresh && became_away { self.put_record(state) } else { RecordWrite::Keep }
    }

    fn end_and_forget(&mut self, state: &mut State, cause: Cause) -> RecordWrite {
        self.end_all(state, self.now, cause);
        RecordWrite::Forget
    }

    fn end_all(&mut self, state: &mut State, at: Timestamp, cause: Cause) {
        state.sessions.clear();
        self.change_status(state, Status::Offline, at, cause);
    }

    fn change_status(&mut self, state: &mut State, status: Status, since: Timestamp, cause: Cause) {
        let previous = std::mem::replace(&mut state.status, status);
        state.since = since;
        self.dirty = true;
        let change = self.rules.new_change(state, previous, since, self.now);
        self.changes.push(Change { cause: Some(cause), ..change });
    }

    /// Takes over the spelling of the newest call, which is the one that is reported.
    fn update_identity(&mut self, state: &mut State, subject: &Subject) {
        self.dirty = true;
        if state.user != subject.user {
            state.user = subject.user.clone();
        }
        if state.scope != subject.scope {
            state.scope = subject.scope.clone();
        }
    }

    fn put_record(&self, state: &State) -> RecordWrite {
        let Some(last_seen) = state.seen() else { return RecordWrite::Forget };
        let windows = &self.rules.windows;
        let age = self.now.seconds_apart(last_seen);
        let idle = state.status == Status::Away && age < windows.away_after.secs();
        let seconds = (windows.ttl.secs() - age).max(1);
        RecordWrite::Put(
            Record { last_seen, idle, meta: state.meta.clone() },
            u32::try_from(seconds).unwrap_or(u32::MAX),
        )
    }
}
