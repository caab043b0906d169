//! What a move has moved, and what it has left.

use std::collections::HashSet;
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
    /// Adds a thing that a key of this kind has.
    pub(super) fn add(&mut self, kind: Kind<'_>) {
        match kind {
            Kind::State(_) => self.states += 1,
            Kind::Due => self.due += 1,
            Kind::Roster(_) => self.members += 1,
            Kind::Changes => self.changes += 1,
            Kind::Lane(..) => self.jobs += 1,
            Kind::Dead(_) => self.dead += 1,
            Kind::Part | Kind::Fixed => {}
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

/// Keys that begin like those of the sidecar, and are none that this release knows: they are not moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownKeys {
    /// How many there are.
    pub count: usize,
    /// The first of them, in the order of their names.
    pub examples: Vec<String>,
}

impl UnknownKeys {
    /// The largest number of examples.
    const EXAMPLES: usize = 3;

    pub(super) fn new(keys: HashSet<String>) -> Self {
        let mut examples: Vec<String> = keys.into_iter().collect();
        let count = examples.len();
        examples.sort_unstable();
        examples.truncate(Self::EXAMPLES);
        Self { count, examples }
    }
}

impl fmt::Display for UnknownKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, examples } = self;
        let more = if *count > examples.len() { ", …" } else { "" };
        write!(
            formatter,
            "{count} keys are not known to this release and stay as they are: {}{more}",
            examples.join(", ")
        )
    }
}
