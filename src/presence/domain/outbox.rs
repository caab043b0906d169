//! The outbox rule: which jobs the changes of a commit add to, and remove from, the queues that deliver them.
//!
//! Each queue of the [`Outbox`] has one lane for each user. A commit that records changes of a user pushes them into
//! that lane, in their order, under three conditions:
//!
//! - **Selection.** A queue receives the events that it is configured for.
//! - **Debounce.** An `offline` is held for the debounce time of the queue before a worker can claim it. When the user
//!   is back within that time, the `offline` events that are held at the end of the lane are retracted, also where the
//!   queue does not receive the event of the return. If the status before all of them equals the new status, nothing
//!   has changed for the receiver, and the return is not pushed either.
//! - **Backlog.** A heartbeat event is pushed only into an empty lane: heartbeats do not queue up behind jobs that the
//!   receiver has not taken yet.
//!
//! The rule is decided here. A store executes the [`OutboxPlan`] in the atomic step of the commit: it refuses the commit
//! of a user if one of the retractions is no longer possible, and checks at that moment whether a lane is empty.

use std::time::Duration;

use uuid::Uuid;

use super::{Change, Event, Status};

/// The queues that receive changes, and the namespace of the ids under which they receive them.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// The namespace of this installation's [change ids](Change::id), which name the jobs.
    pub installation: Uuid,
    /// The queues. Plans refer to them by their positions.
    pub queues: Vec<OutboxQueue>,
}

/// A queue that receives changes as JSON, in one lane for each user.
#[derive(Clone, Debug)]
pub struct OutboxQueue {
    /// The name of the queue.
    pub name: String,
    /// The events that it receives.
    pub events: Vec<Event>,
    /// How long an `offline` is held; zero for queues that hold none.
    pub debounce: Duration,
}

/// A job that is held at the end of its lane: it is not due, and so is no job behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldChange {
    /// The position of its queue in the outbox.
    pub queue: usize,
    /// The id of the job.
    pub id: String,
    /// The change that the job delivers; `None` if the payload cannot be read.
    pub change: Option<Change>,
}

/// The operations on the outbox that belong to the commit of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxPlan {
    /// Jobs to remove from the ends of their lanes; in each queue the last job comes first.
    pub retractions: Vec<Retraction>,
    /// Jobs to add behind the ones that remain, in the order of the changes of each queue.
    pub pushes: Vec<OutboxPush>,
}

/// A held job that must be removed from the end of its lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retraction {
    /// The position of its queue in the outbox.
    pub queue: usize,
    /// The id of the job.
    pub id: String,
}

/// A job to be pushed, named by the id of its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxPush {
    /// The position of its queue in the outbox.
    pub queue: usize,
    /// The position of the change among the changes of the commit.
    pub change: usize,
    /// How long the job is held.
    pub delay: Duration,
    /// Whether the job is dropped if the lane is not empty.
    pub only_if_idle: bool,
}

impl Outbox {
    /// Whether any queue receives heartbeat events.
    pub fn wants_heartbeats(&self) -> bool {
        self.queues.iter().any(|queue| queue.events.contains(&Event::Heartbeat))
    }

    /// The positions and names of the queues that hold `offline` events.
    pub fn debounced(&self) -> impl Iterator<Item = (usize, &str)> + Clone {
        let debounced = self.queues.iter().enumerate().filter(|(_, queue)| !queue.debounce.is_zero());
        debounced.map(|(position, queue)| (position, queue.name.as_str()))
    }

    /// The job `id` that is held in the queue at the position `queue`.
    pub fn held(&self, queue: usize, id: String, payload: &[u8]) -> HeldChange {
        HeldChange { queue, id, change: Change::decode(payload, &self.installation).ok() }
    }

    /// Whether the plan for `changes`, those of one commit of one user, depends on the jobs that are held of the user.
    ///
    /// It does if the user was offline and comes back. The lane of a user who was present ends in the event of that
    /// presence, or its `offline` events have been retracted.
    pub fn needs_held(&self, changes: &[Change]) -> bool {
        let was_offline = changes.first().is_some_and(|first| first.previous == Status::Offline);
        was_offline && changes.iter().any(is_return) && self.debounced().next().is_some()
    }

    /// Plans the operations for `changes`, those of one commit of one user. `held` are the jobs held of the user, in
    /// each queue oldest first; none are needed unless [`Outbox::needs_held`] says so.
    pub fn plan(&self, changes: &[Change], held: &[HeldChange]) -> OutboxPlan {
        let mut plan = OutboxPlan::default();
        for (position, queue) in self.queues.iter().enumerate() {
            let held = held.iter().filter(|job| job.queue == position).collect();
            let first_push = plan.pushes.len();
            LanePlan { position, queue, changes, held, first_push, plan: &mut plan }.add_changes();
        }
        plan
    }
}

/// Whether the event of the change says that the user is present.
fn is_return(change: &Change) -> bool {
    matches!(change.event(), Event::Online | Event::Away)
}

/// The part of a plan that concerns the lane of the user in one queue.
struct LanePlan<'a> {
    position: usize,
    queue: &'a OutboxQueue,
    changes: &'a [Change],
    /// Jobs that are held and not retracted by the plan, oldest first.
    held: Vec<&'a HeldChange>,
    /// Where the pushes of this queue begin in the plan.
    first_push: usize,
    plan: &'a mut OutboxPlan,
}

impl LanePlan<'_> {
    fn add_changes(mut self) {
        for (position, change) in self.changes.iter().enumerate() {
            let event = change.event();
            let is_unchanged = is_return(change) && self.retract_offlines() == Some(change.status);
            let has_backlog = change.is_heartbeat && self.plan.pushes.len() > self.first_push;
            if !is_unchanged && !has_backlog && self.queue.events.contains(&event) {
                let delay = if event == Event::Offline { self.queue.debounce } else { Duration::ZERO };
                let push =
                    OutboxPush { queue: self.position, change: position, delay, only_if_idle: change.is_heartbeat };
                self.plan.pushes.push(push);
            }
        }
    }

    /// Retracts the `offline` events that are held at the end of the lane: first those that this plan would push, then
    /// those that are in the queue. Returns the status before the oldest of them, `None` if there are none.
    fn retract_offlines(&mut self) -> Option<Status> {
        if self.queue.debounce.is_zero() {
            return None;
        }
        let mut before = None;
        while self.plan.pushes.len() > self.first_push
            && let Some(push) = self.plan.pushes.last()
        {
            let change = &self.changes[push.change];
            if change.event() != Event::Offline {
                return before;
            }
            before = Some(change.previous);
            self.plan.pushes.pop();
        }
        while let Some(job) = self.held.last()
            && let Some(change) = job.change.as_ref().filter(|change| change.event() == Event::Offline)
        {
            before = Some(change.previous);
            self.plan.retractions.push(Retraction { queue: self.position, id: job.id.clone() });
            self.held.pop();
        }
        before
    }
}
