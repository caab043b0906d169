//! The parameters of the rules.

use uuid::Uuid;

use super::change::Change;
use super::state::State;
use super::status::Status;
use super::time::{Timestamp, Windows};

/// The rules of presence, with the parameters of an installation.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long heartbeats count.
    pub windows: Windows,
    /// The namespace of the [change ids](Change::id).
    pub installation: Uuid,
}

impl Rules {
    /// Makes the next change of the user, still without a cause: the status of `state` began at `since`. Moves the clock of
    /// the state on.
    pub(super) fn new_change(&self, state: &mut State, previous: Status, since: Timestamp, now: Timestamp) -> Change {
        let seq = state.advance_version(now);
        Change {
            id: Change::id_of(&self.installation, &state.user, &state.scope, seq),
            seq,
            user_id: state.user.clone(),
            scope: state.scope.clone(),
            status: state.status,
            previous,
            occurred_at: since,
            cause: None,
            meta: state.meta.clone(),
            trace: None,
            is_heartbeat: false,
        }
    }
}
