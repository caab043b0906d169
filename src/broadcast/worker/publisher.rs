//! Publishes claimed jobs: decode, drop what is superseded, batch, send.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use uuid::Uuid;

use crate::broadcast::Metrics;
use crate::broadcast::client::BroadcastClient;
use crate::broadcast::domain::batch::{BatchEntry, split};
use crate::broadcast::domain::refusal::{is_outage, is_refusal_of_content};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Change, State};
use crate::presence::service::clock::Clock;
use crate::presence::store::PresenceStore;
use crate::queue::Job;
use crate::storage::Result;
use crate::webhooks::domain::retry::AttemptResult;

/// The age from which on a change is published only if it is still the user's present state.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);
/// The age at which even a present state is dropped: pages that are open by then have loaded it.
const DROP_AGE: Duration = Duration::from_secs(24 * 3600);
/// The number of requests that the server answered with an error, after which a change is sent without others.
const ALONE_AFTER: u32 = 2;

/// The outcome of one job.
#[derive(Debug)]
pub(super) enum Publication {
    /// The server accepted it.
    Published,
    /// A later change replaces it, or it is too old.
    Superseded,
    /// The request failed.
    Failed(AttemptResult, String),
    /// It was not sent, because a request before it failed.
    Skipped,
    /// The job cannot be read.
    Unreadable,
}

/// Jobs that were handled, with their outcomes.
pub(super) struct Publications {
    pub(super) jobs: Vec<(Job, Publication)>,
    /// Whether they probed an open circuit.
    pub(super) is_probe: bool,
}

/// What publishing needs.
#[derive(Clone)]
pub(super) struct Publisher {
    /// The current client, which a reload replaces.
    pub(super) client: Arc<ArcSwap<BroadcastClient>>,
    pub(super) store: Arc<dyn PresenceStore>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<Clock>,
    pub(super) zone: Tz,
    pub(super) installation: Uuid,
    /// Whether offline events are held back, so that a return may have retracted a change.
    pub(super) is_debounced: bool,
}

/// A job and the items it is published as.
struct Entry {
    job: Job,
    items: Vec<String>,
    is_alone: bool,
}

impl BatchEntry for Entry {
    fn items(&self) -> &[String] {
        &self.items
    }

    fn is_alone(&self) -> bool {
        self.is_alone
    }
}

impl Publisher {
    /// Publishes `jobs`. A failed request ends it, unless the server refused only what was in it. After a failed request it
    /// `asks_first` whether the server answers at all: one that is only slow may publish each request that has timed out.
    pub(super) async fn publish(self, jobs: Vec<Job>, is_probe: bool, asks_first: bool) -> Publications {
        let client = self.client.load_full();
        if asks_first {
            let (result, answer) = client.check(self.seconds()).await;
            if is_outage(&result) {
                let failed = |job| (job, Publication::Failed(result.clone(), answer.clone()));
                return Publications { jobs: jobs.into_iter().map(failed).collect(), is_probe };
            }
        }
        let mut done = Vec::with_capacity(jobs.len());
        let mut entries = Vec::new();
        for (job, change) in self.decode(jobs, &mut done).await {
            let items = client.channels().items(&change, self.zone, client.limits().bytes);
            let is_alone = job.attempts.count >= ALONE_AFTER;
            match items.is_empty() {
                true => done.push((job, Publication::Published)),
                false => entries.push(Entry { job, items, is_alone }),
            }
        }
        let mut batches: VecDeque<_> = split(entries, client.limits()).into();
        let mut is_down = false;
        while let Some(batch) = batches.pop_front() {
            if is_down {
                done.extend(batch.into_iter().map(|entry| (entry.job, Publication::Skipped)));
                continue;
            }
            let (result, answer) = self.send(&client, &batch).await;
            if batch.len() > 1 && is_refusal_of_content(&result) {
                // One item may be the reason: each change is sent by itself, in front of the others.
                batch.into_iter().rev().for_each(|entry| batches.push_front(vec![entry]));
                continue;
            }
            is_down = is_outage(&result);
            done.extend(batch.into_iter().map(|entry| (entry.job, outcome(&result, &answer))));
        }
        Publications { jobs: done, is_probe }
    }

    /// The time in seconds since 1970.
    fn seconds(&self) -> i64 {
        self.clock.now().micros().div_euclid(1_000_000)
    }

    async fn send(&self, client: &BroadcastClient, batch: &[Entry]) -> (AttemptResult, String) {
        let started = Instant::now();
        let answer = client.publish(batch.iter().flat_map(|entry| &entry.items), self.seconds()).await;
        self.metrics.record_request(answer.0.outcome(), started.elapsed().as_secs_f64());
        answer
    }

    /// The changes of `jobs` that are to be published; the others are added to `done`. While the store is away, changes are
    /// published as they are.
    pub(super) async fn decode(&self, jobs: Vec<Job>, done: &mut Vec<(Job, Publication)>) -> Vec<(Job, Change)> {
        let mut decoded = Vec::with_capacity(jobs.len());
        for job in jobs {
            match Change::decode(&job.payload, &self.installation) {
                Ok(change) => decoded.push((job, change)),
                Err(_) => done.push((job, Publication::Unreadable)),
            }
        }
        let superseded = self.superseded(&decoded).await.unwrap_or_else(|_| vec![false; decoded.len()]);
        let mut kept = Vec::with_capacity(decoded.len());
        for ((job, change), superseded) in decoded.into_iter().zip(superseded) {
            match superseded {
                true => done.push((job, Publication::Superseded)),
                false => kept.push((job, change)),
            }
        }
        kept
    }

    /// For each of `jobs`, whether it is old and no longer the user's present state.
    async fn superseded(&self, jobs: &[(Job, Change)]) -> Result<Vec<bool>> {
        let old = |job: &Job| (job.age > MAX_AGE).then(|| UserKey::parse(&job.lane)).flatten();
        let keys: Vec<UserKey> = jobs.iter().filter_map(|(job, _)| old(job)).collect();
        if keys.is_empty() {
            return Ok(vec![false; jobs.len()]);
        }
        let mut states = self.store.load(&keys, self.clock.now()).await?.into_iter().map(|user| user.state);
        let is_superseded = |(job, change): &(Job, Change)| match old(job) {
            None => false,
            Some(_) => {
                let state = states.next().flatten();
                job.age > DROP_AGE || !is_present_state(change, state.as_ref(), self.is_debounced)
            }
        };
        Ok(jobs.iter().map(is_superseded).collect())
    }
}

/// Whether no later change of the user follows in the lane. Without a state, the user went offline long ago.
fn is_present_state(change: &Change, state: Option<&State>, is_debounced: bool) -> bool {
    match state {
        None => !change.status.is_present(),
        Some(state) if state.version == change.seq => true,
        // A return that retracted an offline is in no lane; so the time of the status says nothing then.
        Some(state) => state.status == change.status && (is_debounced || state.since == change.occurred_at),
    }
}

fn outcome(result: &AttemptResult, answer: &str) -> Publication {
    match result {
        AttemptResult::Status { status: 200..=299, .. } => Publication::Published,
        _ => Publication::Failed(result.clone(), answer.to_owned()),
    }
}
