//! Applies inputs to users and commits the decisions, many users in one round trip.
//!
//! The [`Committer`] caches the last state of each user, so that a [refresh](State::is_refresh) needs no read and writes
//! the Laravel record alone. The cache is bounded by the bytes that it takes. A cached state may be outdated, since other replicas and sweeps commit, too: then the store
//! refuses the commit and returns the current state, and the rules are applied again. Where more is at stake, the state
//! is read first: the refreshes of other replicas, and the calls of PHP, are in the Laravel record only.
//!
//! A connection may be lost between a commit and its reply. Then the stored state decides: if it is the very state that
//! was sent, the commit has been written, and is not sent again.

mod batch;
mod cache;
mod committer;
mod compact;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use self::committer::Committer;
use super::clock::Clock;
use super::metrics::Metrics;
use super::notifier::ChangeNotifier;
use crate::presence::domain::identity::Subject;
use crate::presence::domain::{Decision, Input, Outbox, RecordLookup, Rules, Timestamp, Transition, View};
use crate::presence::store::{PresenceStore, StoredUser};
use crate::storage::batch::Request;
use crate::trace::TraceParent;

/// An input for one user.
#[derive(Debug)]
pub struct PresenceCommand {
    /// The user.
    pub subject: Subject,
    /// The input.
    pub input: Input,
    /// The trace of the call.
    pub trace: Option<Box<TraceParent>>,
}

/// The result of a command.
#[derive(Clone, Debug)]
pub struct CommandOutcome {
    /// The presence of the user after the command.
    pub view: View,
    /// The effect on the user's presence.
    pub transition: Option<Transition>,
}

/// A command, and where its reply goes.
type Job = Request<PresenceCommand, CommandOutcome>;

/// The dependencies of the committer and the sweeper.
#[derive(Clone)]
pub struct CommitContext {
    /// The store that commits go to.
    pub store: Arc<dyn PresenceStore>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// The rules.
    pub rules: Rules,
    /// The queues that changes are pushed into; a reload replaces the events that they receive.
    pub outbox: Arc<ArcSwap<Outbox>>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Notified after each commit that records changes.
    pub notifier: Arc<ChangeNotifier>,
    /// The most bytes of states that all committers of the process cache.
    pub cache_bytes: usize,
}

impl CommitContext {
    /// Applies the commands for one user, one after the other, and merges the decisions: only the last state is written.
    fn apply(&self, jobs: &[Job], known: StoredUser, now: Timestamp) -> (Decision, Vec<CommandOutcome>) {
        let mut record = known.record;
        let mut merged = Decision { state: known.state, ..Decision::unchanged() };
        let mut outcomes = Vec::with_capacity(jobs.len());
        let wants_heartbeats = self.outbox.load().wants_heartbeats();
        for job in jobs {
            let PresenceCommand { subject, input, trace } = &job.payload;
            let record = std::mem::replace(&mut record, RecordLookup::Unknown);
            let is_stale = |heartbeat| merged.state.as_ref().is_some_and(|state| state.is_stale(heartbeat, now));
            let is_event = wants_heartbeats && matches!(input, Input::Heartbeat(heartbeat) if !is_stale(heartbeat));
            let mut next = self.rules.apply(merged.state.take(), record, subject, input.clone(), now);
            if is_event {
                self.rules.add_heartbeat_event(&mut next, now);
            }
            next.changes.iter_mut().for_each(|change| change.trace.clone_from(trace));
            let view = View::of_state(next.state.as_ref(), &self.rules.windows, now);
            outcomes.push(CommandOutcome { view, transition: next.transition() });
            merged = merged.followed_by(next);
        }
        (merged, outcomes)
    }
}
