//! Applying an input: evaluation, then the question what of it must be written.

use super::cause::Cause;
use super::change::Change;
use super::decision::Decision;
use super::evaluation::Evaluation;
use super::identity::Subject;
use super::input::Input;
use super::record::{RecordLookup, RecordWrite};
use super::rules::Rules;
use super::state::State;
use super::status::Status;
use super::time::Timestamp;

impl Rules {
    /// Applies `input` at `now` to the known state and record of `subject`.
    ///
    /// The decision depends on the arguments only. The clock may stand still or go back between calls: versions and
    /// `seq` rise all the same. The newest heartbeat of a session does not move backwards, unless the clock was set back
    /// so far that the heartbeat lies well in the future: then it counts as a heartbeat of `now`.
    pub fn apply(
        &self,
        known: Option<State>,
        record: RecordLookup,
        subject: &Subject,
        input: Input,
        now: Timestamp,
    ) -> Decision {
        let windows = &self.windows;
        let due_before = known.as_ref().map(|state| state.due(windows));
        let is_tick = input == Input::Tick;
        // A state of version 0 is not stored yet: it must be written, with its due time.
        let is_stored = known.as_ref().is_some_and(|state| state.version > 0);
        let is_refresh =
            is_stored && known.as_ref().is_some_and(|state| state.is_refresh(subject, &input, windows, now));
        let mut state = match known {
            Some(state) => state,
            None if is_tick && !matches!(record, RecordLookup::Found(_)) => return Decision::unchanged(),
            None => State::new(subject, now),
        };
        let mut evaluation = Evaluation::new(self, now);
        evaluation.catch_up(&mut state, record);
        let before = state.status;
        let record = match evaluation.apply_input(&mut state, subject, input) {
            RecordWrite::Keep => evaluation.idle_record(&state),
            write => write,
        };
        let Evaluation { dirty, changes, .. } = evaluation;
        if before == Status::Offline && state.status == Status::Offline && state.due(windows) <= now {
            return Decision { dirty: due_before.is_some(), changes, ..Decision::unchanged() };
        }
        let dirty = dirty && !(is_refresh && changes.is_empty());
        if dirty && changes.is_empty() {
            state.advance_version(now);
        }
        let due = state.due(windows);
        let is_due_earlier = due_before.filter(|_| is_stored).is_none_or(|earlier| due < earlier);
        let is_due_new = is_tick || !changes.is_empty() || is_due_earlier;
        Decision { before, dirty, changes, record, due: is_due_new.then_some(due), state: Some(state) }
    }

    /// Adds the event of a heartbeat at `now` to the changes of a decision.
    pub(in crate::presence) fn add_heartbeat_event(&self, decision: &mut Decision, now: Timestamp) {
        if let Some(state) = &mut decision.state {
            let change = self.new_change(state, state.status, now, now);
            decision.changes.push(Change { is_heartbeat: true, cause: Some(Cause::Heartbeat), ..change });
            decision.dirty = true;
        }
    }
}
