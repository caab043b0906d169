//! What a move has moved.

use std::fmt;

use super::keys::Kind;

/// The numbers of what was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MovedKeys {
    /// States of users.
    pub states: u64,
    /// Due times.
    pub due: u64,
    /// Members of rosters.
    pub members: u64,
    /// Entries of the change log.
    pub changes: u64,
    /// Jobs that wait in queues.
    pub jobs: u64,
    /// Dead letters.
    pub dead: u64,
}

impl MovedKeys {
    /// Adds the size of a key.
    pub(super) fn add(&mut self, kind: Option<Kind<'_>>, size: u64) {
        match kind {
            Some(Kind::State(_)) => self.states += size,
            Some(Kind::Due) => self.due += size,
            Some(Kind::Roster(_)) => self.members += size,
            Some(Kind::Changes) => self.changes += size,
            Some(Kind::Lane(..)) => self.jobs += size,
            Some(Kind::Dead(_)) => self.dead += size,
            Some(Kind::History(_) | Kind::Part | Kind::Fixed) | None => {}
        }
    }
}

impl fmt::Display for MovedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, due, members, changes, jobs, dead } = self;
        write!(
            formatter,
            "{states} states, {due} due times, {members} members of rosters, {changes} changes, {jobs} queued jobs, \
             {dead} dead letters"
        )
    }
}
