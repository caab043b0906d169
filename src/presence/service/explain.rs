//! Why a user has a status: what is stored, and what waits to be delivered.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::clock::Clock;
use crate::presence::domain::explanation::{Explanation, KnownFacts};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, Outbox, RecordLookup, State, Timestamp, View, Windows};
use crate::presence::store::{ChangeCursor, PresenceStore, Result};
use crate::queue::{JobInfo, Queue};

/// Most waiting jobs that are counted per queue.
pub const MAX_WAITING: usize = 100;

/// Most changes that are searched for the one that began a status.
const MAX_EXPLAINED: usize = 10;

/// Explains presences; reads only.
#[derive(Clone)]
pub struct Explainer {
    /// The store.
    pub store: Arc<dyn PresenceStore>,
    /// The queues of the outbox.
    pub queue: Arc<dyn Queue>,
    /// Which queues changes are pushed into.
    pub outbox: Arc<ArcSwap<Outbox>>,
    /// The store's clock.
    pub clock: Arc<Clock>,
    /// How long heartbeats count.
    pub windows: Windows,
}

/// What is known of a user.
#[derive(Clone, Debug)]
pub struct ExplainedUser {
    /// The explanation.
    pub explanation: Explanation,
    /// The state, with the refreshes that are in the record alone; `None` for a user who is not remembered.
    pub state: Option<State>,
    /// The Laravel record.
    pub record: RecordLookup,
    /// The newest change in the log.
    pub last: Option<(ChangeCursor, Change)>,
    /// What waits in each queue, the oldest job first; queues in which nothing waits are left out.
    pub waiting: Vec<WaitingJobs>,
}

/// The jobs of a user that wait in a queue.
#[derive(Clone, Debug)]
pub struct WaitingJobs {
    /// The name of the queue.
    pub queue: String,
    /// Their number, at most [`MAX_WAITING`].
    pub count: usize,
    /// The oldest one.
    pub first: JobInfo,
}

impl Explainer {
    /// Explains the presence of a user.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn explain(&self, key: &UserKey) -> Result<ExplainedUser> {
        self.explain_at(key, self.clock.now()).await
    }

    /// Explains the presence of a user at `now`.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn explain_at(&self, key: &UserKey, now: Timestamp) -> Result<ExplainedUser> {
        let known = self.store.load(std::slice::from_ref(key), now).await?.into_iter().next();
        let (state, record) = known.map_or((None, RecordLookup::Unknown), |known| (known.state, known.record));
        let history = self.store.history(key, MAX_EXPLAINED).await?;
        let waiting = self.waiting(key).await?;
        let status = View::of_known(state.clone(), record.clone(), &self.windows, now).status;
        let state = state.map(|state| state.merged_with(&record, now));
        let changes: Vec<Change> = history.iter().map(|(_, change)| change.clone()).collect();
        let facts = KnownFacts { key, state: state.as_ref(), record: &record, changes: &changes, status };
        let explanation = Explanation::new(&facts, &self.windows, now);
        Ok(ExplainedUser { explanation, state, record, last: history.into_iter().next(), waiting })
    }

    async fn waiting(&self, key: &UserKey) -> Result<Vec<WaitingJobs>> {
        let mut waiting = Vec::new();
        for queue in &self.outbox.load_full().queues {
            let jobs = self.queue.lane(&queue.name, key.as_str(), MAX_WAITING).await?;
            let (count, first) = (jobs.len(), jobs.into_iter().next());
            waiting.extend(first.map(|first| WaitingJobs { queue: queue.name.clone(), count, first }));
        }
        Ok(waiting)
    }
}
