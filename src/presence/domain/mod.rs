//! The rules of presence: state + input + now -> state' + changes. Pure; no clock, store or HTTP word in here.
//!
//! A user has sessions (tabs, devices). The user is online while any session is active and fresh, away while none is
//! active but one is fresh, offline when none is left. Time passes first: before an input is looked at, every boundary
//! that has gone by (away, expiry) is turned into the change it means, dated at the boundary. So the change log says
//! the same whenever, and wherever, a sweep happens to run.
//!
//! An application may write the same Laravel records with the PHP package. What a store saw of that record is given as
//! [`RecordLookup`]: a newer heartbeat is adopted, a record that is gone before its time means that PHP ended the presence.
//!
//! Most heartbeats change nothing but a time, and are not worth writing a state for: see [`State::is_refresh`]. Some come
//! when their session has ended already, and change nothing at all: see [`State::is_stale`].

mod change;
pub mod identity;
pub mod meta;
mod record;
pub mod recovery;
mod refresh;
mod stale;
mod state;
mod status;
mod time;
mod view;

pub use self::change::{Change, Event, Transition};
use self::identity::{Meta, SessionId, Subject};
pub use self::record::{Record, RecordLookup, RecordWrite};
pub use self::stale::SessionEnd;
pub use self::state::{MAX_SESSIONS, Session, State};
pub use self::status::Status;
pub use self::time::{DeviceTime, Span, Timestamp, Windows};
pub use self::view::{SessionView, View};

/// What a heartbeat says.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The session it comes from.
    pub session: SessionId,
    /// Whether the user is active in that session.
    pub active: bool,
    /// What is to be kept beside the user; replaces what was there.
    pub meta: Meta,
    /// When it was sent.
    pub sent_at: Option<DeviceTime>,
}

/// What happens to a user.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A sign of life. Only a real transition is announced.
    Heartbeat(Heartbeat),
    /// An explicit `online()`: a sign of life that is always announced.
    Online(Heartbeat),
    /// An explicit `offline()`, of one session or of all; the end of all is always announced.
    Offline {
        /// The session that ends; `None` ends all.
        session: Option<SessionId>,
        /// What the announcement brings along.
        meta: Meta,
        /// When it was sent, by the session that ends; says nothing of all.
        sent_at: Option<DeviceTime>,
    },
    /// Nothing but time.
    Tick,
}

/// What an input leads to; the store commits all of it, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The new state; `None` when the user is not, or no longer, remembered.
    pub state: Option<State>,
    /// Whether `state` must be written: it differs from what was known, and that not by a steady heartbeat alone.
    pub dirty: bool,
    /// The user's status before the input, after time had passed.
    pub before: Status,
    /// Entries for the change log, in order; among them signs of life that are only announced.
    pub changes: Vec<Change>,
    /// What to do with the Laravel record.
    pub record: RecordWrite,
    /// When the sweep must look again; `None` when an earlier, or equal, due time is already on file.
    pub due: Option<Timestamp>,
}

impl Decision {
    /// The user's status now.
    pub fn status(&self) -> Status {
        self.state.as_ref().map_or(Status::Offline, |state| state.status)
    }

    /// What the call did, in the words of the PHP package.
    pub fn transition(&self) -> Option<Transition> {
        Transition::between(self.before, self.status())
    }
}

/// Applies `input` at `now` to what is known of `subject`.
///
/// Given the same arguments the decision is the same. The clock may stand still or go back between calls: versions and
/// `seq` rise all the same. A session's newest heartbeat does not move backwards, unless the clock goes back so far that
/// it is still to come for long: then it counts as one of now.
pub fn apply(
    known: Option<State>,
    observed: RecordLookup,
    subject: &Subject,
    input: Input,
    windows: &Windows,
    now: Timestamp,
) -> Decision {
    let due_before = known.as_ref().map(|state| state.due(windows));
    let ticking = input == Input::Tick;
    let steady = known.as_ref().is_some_and(|state| state.is_refresh(subject, &input, windows, now));
    let mut step = Evaluation { windows, now, dirty: false, changes: Vec::new() };
    let mut state = match known {
        Some(state) => state,
        None if ticking && !matches!(observed, RecordLookup::Found(_)) => return Decision::nothing(),
        None => unheard_of(subject, now),
    };
    step.catch_up(&mut state, observed);
    let before = state.status;
    let record = match step.react(&mut state, subject, input) {
        RecordWrite::Keep => step.idle_record(&state),
        written => written,
    };
    if before == Status::Offline && state.status == Status::Offline && state.due(windows) <= now {
        return Decision { dirty: due_before.is_some(), changes: step.changes, ..Decision::nothing() };
    }
    let dirty = step.dirty && !(steady && step.changes.is_empty());
    if dirty && step.changes.is_empty() {
        state.tick(now);
    }
    let due = state.due(windows);
    let reschedule = ticking || !step.changes.is_empty() || due_before.is_none_or(|earlier| due < earlier);
    Decision { before, dirty, changes: step.changes, record, due: reschedule.then_some(due), state: Some(state) }
}

impl Decision {
    /// Adds a sign of life at `now` to what is announced.
    pub(super) fn add_heartbeat_event(&mut self, now: Timestamp) {
        if let Some(state) = &mut self.state {
            let beat = entry(state, state.status, now, now);
            self.changes.push(Change { is_heartbeat: true, ..beat });
            self.dirty = true;
        }
    }

    /// Nothing known, nothing to do.
    pub(super) fn nothing() -> Self {
        Self {
            state: None,
            dirty: false,
            before: Status::Offline,
            changes: Vec::new(),
            record: RecordWrite::Keep,
            due: None,
        }
    }
}

/// An entry for the change log: the status of `state` has begun `at` that moment.
fn entry(state: &mut State, previous: Status, at: Timestamp, now: Timestamp) -> Change {
    Change {
        seq: state.tick(now),
        user_id: state.user.clone(),
        scope: state.scope.clone(),
        status: state.status,
        previous,
        occurred_at: at,
        meta: state.meta.clone(),
        is_heartbeat: false,
    }
}

fn unheard_of(subject: &Subject, now: Timestamp) -> State {
    State {
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

/// One application of the rules: what stays the same while the state moves.
struct Evaluation<'a> {
    windows: &'a Windows,
    now: Timestamp,
    dirty: bool,
    changes: Vec<Change>,
}

impl Evaluation<'_> {
    /// Brings the state to the present: adopts what PHP wrote, then lets time pass.
    fn catch_up(&mut self, state: &mut State, observed: RecordLookup) {
        if state.is_ahead(self.windows, self.now) {
            state.set_back(self.now);
            self.dirty = true;
        }
        match observed {
            RecordLookup::Found(record) => self.adopt(state, record),
            RecordLookup::Missing => self.end_if_forgotten(state),
            RecordLookup::Unknown | RecordLookup::Unreadable => {}
        }
        self.lapse(state);
    }

    /// A record newer than anything known here is a heartbeat that somebody else wrote.
    /// One that is to come so late that PHP, too, takes the user for offline says nothing.
    fn adopt(&mut self, state: &mut State, record: Record) {
        if record.last_seen >= self.now.plus(self.windows.ttl) {
            return;
        }
        let seen = record.last_seen.min(self.now);
        let newer = match state.seen() {
            Some(known) => record.last_seen > known,
            None => record.last_seen > state.since.whole_second() || state.version == 0,
        };
        if !newer {
            return self.adopt_meta(state, record.meta, record.last_seen);
        }
        let status = Status::of_record(seen, record.idle, self.now, self.windows);
        if !status.is_present() && !state.status.is_present() {
            return;
        }
        let began = if record.idle { Status::Away } else { Status::Online };
        state.merge_record(record, self.now);
        self.dirty = true;
        if !state.status.is_present() || (state.status == Status::Away && began == Status::Online) {
            self.change(state, began, seen);
        }
    }

    /// A record of the same second may be that of a later heartbeat.
    fn adopt_meta(&mut self, state: &mut State, meta: Meta, seen: Timestamp) {
        let same_second = state.only_session().is_some_and(|only| only.seen == seen);
        if same_second && state.meta != meta {
            state.meta = meta;
            self.dirty = true;
        }
    }

    /// The record lives as long as the newest heartbeat is fresh; gone before that, PHP's `offline()` removed it.
    fn end_if_forgotten(&mut self, state: &mut State) {
        let fresh = state.present_until(self.windows).is_some_and(|until| until > self.now);
        if fresh {
            self.end(state, self.now);
        }
    }

    /// Turns every boundary that has gone by into its change, dated at the boundary.
    fn lapse(&mut self, state: &mut State) {
        if state.status == Status::Online {
            let until = state.online_until(self.windows).unwrap_or(self.now);
            if until <= self.now {
                self.change(state, Status::Away, until);
            }
        }
        if state.status == Status::Away {
            let until = state.present_until(self.windows).unwrap_or(self.now);
            if until <= self.now {
                self.end(state, until);
            }
        }
        let gone = self.now.minus(self.windows.ttl);
        let sessions = state.sessions.len();
        state.sessions.retain(|session| session.seen > gone);
        self.dirty |= state.sessions.len() != sessions;
    }

    fn react(&mut self, state: &mut State, subject: &Subject, input: Input) -> RecordWrite {
        match input {
            Input::Heartbeat(beat) => self.beat(state, subject, beat, false),
            Input::Online(beat) => self.beat(state, subject, beat, true),
            Input::Offline { session: None, meta, sent_at: _ } => {
                self.rename(state, subject);
                state.meta = meta;
                self.end_announced(state)
            }
            Input::Offline { session: Some(session), meta, sent_at } => {
                self.dirty |= sent_at.is_some_and(|sent_at| state.remember_end(&session, sent_at, self.now));
                self.leave(state, &session, meta)
            }
            Input::Tick => RecordWrite::Keep,
        }
    }

    fn beat(&mut self, state: &mut State, subject: &Subject, beat: Heartbeat, announce: bool) -> RecordWrite {
        if state.is_stale(&beat, self.now) {
            // Nothing happens; but a replica that did not know of the end may have put the record.
            return self.put(state);
        }
        self.rename(state, subject);
        if state.remembers_end_of(&beat) {
            state.ended = None;
        }
        state.beat(beat.session, self.now.whole_second(), beat.active);
        state.meta = beat.meta;
        let online = state.online_until(self.windows).is_some_and(|until| until > self.now);
        let status = if online { Status::Online } else { Status::Away };
        if announce || status != state.status {
            self.change(state, status, self.now);
        }
        self.put(state)
    }

    /// Ends one session; the user goes on in the others.
    fn leave(&mut self, state: &mut State, session: &SessionId, meta: Meta) -> RecordWrite {
        let sessions = state.sessions.len();
        state.sessions.retain(|known| known.id != *session);
        if state.sessions.is_empty() {
            state.meta = meta;
            return self.end_announced(state);
        }
        if state.sessions.len() == sessions {
            return RecordWrite::Keep;
        }
        self.dirty = true;
        let online = state.online_until(self.windows).is_some_and(|until| until > self.now);
        if !online && state.status == Status::Online {
            self.change(state, Status::Away, self.now);
        }
        self.put(state)
    }

    /// A user who turned away in a fresh session looks online to PHP, which goes by age alone: the record has to say it.
    fn idle_record(&self, state: &State) -> RecordWrite {
        let fresh = state.seen().is_some_and(|seen| self.now.seconds_apart(seen) < self.windows.away_after.secs());
        let turned = self.changes.iter().any(|change| change.status == Status::Away);
        if state.status == Status::Away && fresh && turned { self.put(state) } else { RecordWrite::Keep }
    }

    fn end_announced(&mut self, state: &mut State) -> RecordWrite {
        self.end(state, self.now);
        RecordWrite::Forget
    }

    fn end(&mut self, state: &mut State, at: Timestamp) {
        state.sessions.clear();
        self.change(state, Status::Offline, at);
    }

    fn change(&mut self, state: &mut State, status: Status, at: Timestamp) {
        let previous = std::mem::replace(&mut state.status, status);
        state.since = at;
        self.dirty = true;
        let change = entry(state, previous, at, self.now);
        self.changes.push(change);
    }

    /// The spelling of the newest call is the one that is reported.
    fn rename(&mut self, state: &mut State, subject: &Subject) {
        self.dirty = true;
        if state.user != subject.user {
            state.user = subject.user.clone();
        }
        if state.scope != subject.scope {
            state.scope = subject.scope.clone();
        }
    }

    fn put(&self, state: &State) -> RecordWrite {
        let Some(last_seen) = state.seen() else { return RecordWrite::Forget };
        let age = self.now.seconds_apart(last_seen);
        let idle = state.status == Status::Away && age < self.windows.away_after.secs();
        let seconds = (self.windows.ttl.secs() - age).max(1);
        RecordWrite::Put(
            Record { last_seen, idle, meta: state.meta.clone() },
            u32::try_from(seconds).unwrap_or(u32::MAX),
        )
    }
}
