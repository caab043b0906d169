//! Tasks that are started when a place is first called.

use std::collections::HashMap;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::storage::batch::{BatchReceiver, BatchSender, batch_channel};

/// Most places of one operation. Servers come and go; beyond this number their tasks are replaced.
const MAX_PLACES: usize = 16_384;

type Task = BoxFuture<'static, ()>;

type Senders<P, Q, A> = HashMap<P, Arc<BatchSender<Q, A>>, RandomState>;

/// The end at which tasks are started.
#[derive(Clone)]
pub(super) struct TaskStarter(mpsc::UnboundedSender<Task>);

/// The tasks of all places.
pub(super) struct Tasks {
    started: mpsc::UnboundedReceiver<Task>,
}

impl Tasks {
    pub(super) fn new() -> (TaskStarter, Self) {
        let (starter, started) = mpsc::unbounded_channel();
        (TaskStarter(starter), Self { started })
    }

    /// Runs the tasks that are started, until no more can be, and all have ended.
    ///
    /// # Panics
    /// If one of them does: calls for its place cannot be answered any more.
    pub(super) async fn run(mut self) {
        let (mut running, mut is_open) = (JoinSet::new(), true);
        while is_open || !running.is_empty() {
            tokio::select! {
                task = self.started.recv(), if is_open => match task {
                    Some(task) => _ = running.spawn(task),
                    None => is_open = false,
                },
                Some(ended) = running.join_next() => if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                    resume_unwind(panic);
                },
            }
        }
    }
}

/// The tasks of one operation, by place.
pub(super) struct PlaceTasks<P, Q, A> {
    senders: ArcSwap<Senders<P, Q, A>>,
    /// Held while a task is added.
    adding: Mutex<()>,
    starter: TaskStarter,
    task: Box<dyn Fn(BatchReceiver<Q, A>) -> Task + Send + Sync>,
}

impl<P: Copy + Eq + Hash, Q, A> PlaceTasks<P, Q, A> {
    /// No task yet; `task` makes one that ends when its senders are dropped.
    pub(super) fn new(
        starter: TaskStarter,
        task: impl Fn(BatchReceiver<Q, A>) -> Task + Send + Sync + 'static,
    ) -> Self {
        Self { senders: ArcSwap::default(), adding: Mutex::default(), starter, task: Box::new(task) }
    }

    /// The task of a place.
    pub(super) fn at(&self, place: P) -> Arc<BatchSender<Q, A>> {
        if let Some(sender) = self.senders.load().get(&place) {
            return sender.clone();
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let mut senders = HashMap::clone(&self.senders.load());
        if let Some(sender) = senders.get(&place) {
            return sender.clone();
        }
        if senders.len() >= MAX_PLACES {
            senders.clear();
        }
        let (sender, receiver) = batch_channel();
        let sender = Arc::new(sender);
        senders.insert(place, sender.clone());
        self.senders.store(Arc::new(senders));
        // After the end of the tasks, calls fail.
        _ = self.starter.0.send((self.task)(receiver));
        sender
    }
}
