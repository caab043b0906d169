//! The decision of the rules about one input.

use super::change::{Change, Transition};
use super::record::RecordWrite;
use super::state::State;
use super::status::Status;
use super::time::Timestamp;

/// The effects of an input. The store commits all of them, or none (in Redis, the record is written apart).
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The new state; `None` when the user is not, or no longer, remembered.
    pub state: Option<State>,
    /// Whether `state` must be written: it differs from the stored state in more than a refresh.
    pub dirty: bool,
    /// The status of the user before the input, after time had passed.
    pub before: Status,
    /// Changes in their order: entries for the change log, and heartbeat events, which are not logged.
    pub changes: Vec<Change>,
    /// The effect on the Laravel record.
    pub record: RecordWrite,
    /// When the sweep must process the user next; `None` when an earlier or equal due time is already stored.
    pub due: Option<Timestamp>,
}

impl Decision {
    /// The status of the user after the input.
    pub fn status(&self) -> Status {
        self.state.as_ref().map_or(Status::Offline, |state| state.status)
    }

    /// The effect of the input, named as the events of the PHP package.
    pub fn transition(&self) -> Option<Transition> {
        Transition::between(self.before, self.status())
    }

    /// A decision without effects about a user who is not remembered.
    pub(in crate::presence) fn unchanged() -> Self {
        Self {
            state: None,
            dirty: false,
            before: Status::Offline,
            changes: Vec::new(),
            record: RecordWrite::Keep,
            due: None,
        }
    }

    /// Merges two decisions about one user, made one after the other, into one commit.
    pub(in crate::presence) fn followed_by(self, next: Self) -> Self {
        let mut changes = self.changes;
        changes.extend(next.changes);
        Self {
            dirty: self.dirty || next.dirty,
            before: next.before,
            changes,
            record: if next.record == RecordWrite::Keep { self.record } else { next.record },
            due: next.due.or(self.due),
            state: next.state,
        }
    }
}
