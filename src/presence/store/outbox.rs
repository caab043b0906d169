//! Where changes go out: queues that a commit pushes into.

use std::time::Duration;

use uuid::Uuid;

use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Event, Status};
use crate::queue::{MemoryQueue, NewJob};

/// Where changes go out to, and in whose name.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// The name space of this installation's [change ids](Change::id), which name the jobs.
    pub installation: Uuid,
    /// Each is a queue of its own.
    pub queues: Vec<OutboxQueue>,
}

/// A queue that a commit pushes its changes into, as JSON, a lane for each user.
#[derive(Clone, Debug)]
pub struct OutboxQueue {
    /// The queue's name.
    pub queue: String,
    /// What it wants to know of.
    pub events: Vec<Event>,
    /// How long an `offline` is held. If the user is back within that time, it is taken back, and where nothing has
    /// changed on the whole, neither is announced.
    pub debounce: Duration,
}

impl Outbox {
    /// Whether any wants to know of every sign of life.
    pub fn wants_heartbeats(&self) -> bool {
        self.queues.iter().any(|outlet| outlet.events.contains(&Event::Heartbeat))
    }

    /// Pushes a change of the user `key` into the queues in memory.
    pub(super) fn push(&self, memory: &MemoryQueue, key: &UserKey, change: &Change) {
        let id = change.id(&self.installation).to_string();
        for outlet in &self.queues {
            let unchanged = outlet.take_back(memory, key, change) == Some(change.status);
            // Signs of life do not pile up behind what a receiver has not taken yet.
            let piles_up = change.is_heartbeat && !memory.is_idle(&outlet.queue, key.as_str());
            if !unchanged && !piles_up && outlet.events.contains(&change.event()) {
                let delay = if change.event() == Event::Offline { outlet.debounce } else { Duration::ZERO };
                let job = NewJob { id: &id, lane: key.as_str(), payload: &json(change), delay };
                memory.push_one(&outlet.queue, &job);
            }
        }
    }
}

impl OutboxQueue {
    /// Takes back what is held of a user who is back; gives the status before all of it.
    fn take_back(&self, memory: &MemoryQueue, key: &UserKey, change: &Change) -> Option<Status> {
        if self.debounce.is_zero() || !matches!(change.event(), Event::Online | Event::Away) {
            return None;
        }
        let offline = |payload: &[u8]| read(payload).is_some_and(|held| held.status == Status::Offline);
        let mut before = None;
        while let Some(held) = memory.retract(&self.queue, key.as_str(), offline) {
            before = read(&held).map(|held| held.previous);
        }
        before
    }
}

/// A change as the log and the queues hold it.
pub(super) fn json(change: &Change) -> Vec<u8> {
    serde_json::to_vec(change).unwrap_or_else(|error| unreachable!("a change has string keys only: {error}"))
}

/// A change as a queue gives it back.
pub(super) fn read(json: &[u8]) -> Option<Change> {
    serde_json::from_slice(json).ok()
}
