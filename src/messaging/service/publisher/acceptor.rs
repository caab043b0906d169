//! Accepts publications: those that wait at the same time are stored, or queued, with one commit.
//!
//! A publication to few clients is stored at once if no job waits in its lanes: then each publication that was answered
//! before has reached these clients already. All others, and those that cannot be stored now, are queued.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Notify;

use super::fanout::{CHUNK_BYTES, Fanout, Skipped};
use super::fanout_job::{QUEUE, encode};
use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::service::context::MessagingContext;
use crate::messaging::store::MAX_GROUP_RECIPIENTS;
use crate::queue::{NewJob, Queue};
use crate::storage;
use crate::storage::batch::{BatchSender, Request, answer_batches, batch_channel};
use crate::storage::{Rest, Unavailable};

/// Maximum number of recipients of a publication that is stored at once.
const MAX_DIRECT_RECIPIENTS: usize = 64;

/// The time for which publications are only queued after the database has failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A publication, split into its jobs, each with its lane.
pub(super) struct Publication {
    jobs: Vec<(String, Fanout)>,
    recipients: usize,
    bytes: usize,
}

/// The sender of publications. The reply is false if the publication was not accepted, and must be queued alone.
pub(super) type PublicationSender = BatchSender<Publication, bool>;

/// Stores and queues publications.
pub(super) struct Acceptor {
    context: Arc<MessagingContext>,
    queue: Arc<dyn Queue>,
    /// Notified when a job was pushed.
    pushed: Arc<Notify>,
    /// Of the database: meanwhile publications are only queued.
    rest: Rest,
}

/// A part of a publication that is stored with one key.
type Part<'a> = (usize, &'a Fanout, String, &'a [ClientId]);

impl Publication {
    pub(super) fn new(fanout: &Fanout) -> Self {
        let recipients = fanout.recipients.len();
        Self { jobs: fanout.split(), recipients, bytes: fanout.payload.len() * recipients }
    }

    fn is_small(&self) -> bool {
        self.recipients <= MAX_DIRECT_RECIPIENTS && self.bytes <= CHUNK_BYTES
    }

    fn parts(&self, number: usize) -> impl Iterator<Item = Part<'_>> {
        let jobs = self.jobs.iter().map(|(_, job)| job);
        jobs.flat_map(move |job| job.chunks().map(move |(key, recipients)| (number, job, key, recipients)))
    }
}

impl Acceptor {
    pub(super) fn new(context: Arc<MessagingContext>, queue: Arc<dyn Queue>, pushed: Arc<Notify>) -> Self {
        Self { context, queue, pushed, rest: Rest::new(PAUSE_AFTER_FAILURE) }
    }

    /// Returns the sender, and the worker that accepts publications. The worker ends when the sender is dropped.
    pub(super) fn start(self: Arc<Self>) -> (PublicationSender, BoxFuture<'static, ()>) {
        let (sender, requests) = batch_channel();
        let worker = async move { answer_batches(requests, batch_size, |batch| self.accept(batch)).await };
        (sender, Box::pin(worker))
    }

    /// Stores or queues a batch; returns whether the store answered. A lock that the batch meets in a lane fails the
    /// publications of this lane alone.
    async fn accept(&self, batch: Vec<Request<Publication, bool>>) -> bool {
        let publications: Vec<&Publication> = batch.iter().map(|request| &request.payload).collect();
        let stored = self.store_small(&publications).await;
        let mut outcomes: Vec<Result<bool, Unavailable>> = stored.into_iter().map(Ok).collect();
        let answered = self.push_others(&publications, &mut outcomes).await;
        batch.into_iter().zip(outcomes).for_each(|(request, outcome)| request.reply(outcome));
        answered
    }

    /// Queues the publications whose outcome is false, and sets their outcomes; returns whether the queue answered.
    async fn push_others(&self, publications: &[&Publication], outcomes: &mut [Result<bool, Unavailable>]) -> bool {
        let is_open = |number: &usize| matches!(outcomes[*number], Ok(false));
        let queued: Vec<usize> = (0..publications.len()).filter(is_open).collect();
        if queued.is_empty() {
            return true;
        }
        let push = |group: Vec<usize>| async move {
            let group_publications: Vec<&Publication> = group.iter().map(|number| publications[*number]).collect();
            (self.push(&group_publications).await, group)
        };
        let (pushed, queued) = push(queued).await;
        let groups = match &pushed {
            Err(error) if error.is_interrupted() => groups_of_lanes(publications, &queued),
            _ => Vec::new(),
        };
        let pushes = match groups.len() {
            ..=1 => vec![(pushed, queued)],
            _ => join_all(groups.into_iter().map(push)).await,
        };
        let recorded = pushes.iter().map(|(pushed, group)| record(outcomes, group, pushed)).collect::<Vec<_>>();
        recorded.into_iter().all(|answered| answered)
    }

    /// Queues publications.
    pub(super) async fn push(&self, publications: &[&Publication]) -> storage::Result<()> {
        let jobs = || publications.iter().flat_map(|publication| &publication.jobs);
        let payloads: Vec<Vec<u8>> =
            jobs().map(|(_, job)| self.context.crypt.encrypt(&encode(job)).into_bytes()).collect();
        let new_jobs = jobs().zip(&payloads).map(|((lane, job), payload)| NewJob {
            id: &job.id,
            lane,
            payload,
            delay: Duration::ZERO,
        });
        self.queue.push(QUEUE, &new_jobs.collect::<Vec<_>>()).await?;
        self.pushed.notify_one();
        Ok(())
    }

    /// Stores the small publications whose lanes are idle. Returns for each publication whether it was stored.
    async fn store_small(&self, publications: &[&Publication]) -> Vec<bool> {
        let mut stored = vec![false; publications.len()];
        let small = publications.iter().filter(|publication| publication.is_small());
        let mut lanes: Vec<&str> =
            small.flat_map(|publication| &publication.jobs).map(|(lane, _)| lane.as_str()).collect();
        lanes.sort_unstable();
        lanes.dedup();
        if lanes.is_empty() || self.rest.is_on() {
            return stored;
        }
        let Ok(idle) = self.queue.are_idle(QUEUE, &lanes).await else { return stored };
        let is_idle = |lane: &str| lanes.binary_search(&lane).is_ok_and(|place| idle[place]);
        let direct: Vec<usize> = (0..publications.len())
            .filter(|number| publications[*number].is_small())
            .filter(|number| publications[*number].jobs.iter().all(|(lane, _)| is_idle(lane)))
            .collect();
        let parts: Vec<Part<'_>> = direct.iter().flat_map(|number| publications[*number].parts(*number)).collect();
        if parts.is_empty() {
            return stored;
        }
        direct.iter().for_each(|number| stored[*number] = true);
        if !self.store_parts(&parts, &mut stored).await {
            stored.fill(false);
        }
        stored
    }

    /// Stores parts, and unmarks the publications of those that were left out. Returns false if the database failed.
    async fn store_parts(&self, parts: &[Part<'_>], stored: &mut [bool]) -> bool {
        let context = self.context.as_ref();
        let write = |now: MessageTime| async move {
            let mut writes = Vec::with_capacity(parts.len());
            for (number, fanout, key, recipients) in parts {
                writes.push(fanout.grouped(context, (key.as_str(), recipients), *number, &now));
            }
            context.write_group(&writes, &now.stored).await
        };
        let results = match context.at_now(write).await {
            Ok(results) => results,
            Err(error) => {
                tracing::debug!(error = error.chain(), "publications are queued instead of stored");
                self.rest.record(error.is_temporary());
                return false;
            }
        };
        let mut skipped = Skipped::default();
        for ((number, _, _, recipients), result) in parts.iter().zip(results) {
            match result {
                Some(result) => skipped.count(recipients.len(), result),
                None => stored[*number] = false,
            }
        }
        skipped.log();
        true
    }
}

/// Groups publications by the lanes that they are queued in.
fn groups_of_lanes(publications: &[&Publication], numbers: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for number in numbers {
        let lanes = publications[*number].jobs.iter().map(|(lane, _)| lane.as_str()).collect();
        groups.entry(lanes).or_default().push(*number);
    }
    groups.into_values().collect()
}

/// Records the outcome of publications that were pushed together; returns whether the queue answered.
fn record(outcomes: &mut [Result<bool, Unavailable>], group: &[usize], pushed: &storage::Result<()>) -> bool {
    for number in group {
        outcomes[*number] = match pushed {
            Ok(()) => Ok(true),
            // One of them may be at fault.
            Err(error) if error.is_rejected() => Ok(false),
            Err(error) => Err(error.clone()),
        };
    }
    pushed.as_ref().err().is_none_or(|error| error.is_rejected() || error.is_interrupted())
}

fn batch_size(waiting: &[Request<Publication, bool>]) -> usize {
    let (mut recipients, mut bytes) = (0, 0);
    let fits = |request: &&Request<Publication, bool>| {
        let publication = &request.payload;
        recipients += if publication.is_small() { publication.recipients } else { publication.jobs.len() };
        bytes += publication.bytes;
        recipients <= MAX_GROUP_RECIPIENTS && bytes <= CHUNK_BYTES
    };
    waiting.iter().take_while(fits).count()
}
