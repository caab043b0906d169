//! Request batching: requests that wait at the same time are processed together.
//!
//! One task takes the requests that were queued while it processed the previous batch, so that a busy server makes one
//! round trip for many callers and an idle one replies at once. No timer is involved. A batch runs in [`run_batch`], so
//! that a panic fails the requests of that batch and no others.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::Unavailable;

/// The largest number of requests in a batch.
pub const MAX_BATCH: usize = 1_024;
/// The largest number of queued requests; further callers wait for room in the queue.
const QUEUE_CAPACITY: usize = 16 * 1024;

/// A request, with the channel for its reply.
#[derive(Debug)]
pub struct Request<Q, A> {
    /// The content of the request.
    pub payload: Q,
    reply: oneshot::Sender<Result<A, Unavailable>>,
}

impl<Q, A> Request<Q, A> {
    /// Sends the reply to the caller, if it still waits.
    pub fn reply(self, reply: Result<A, Unavailable>) {
        _ = self.reply.send(reply);
    }
}

/// The callers' end of a batch channel.
#[derive(Debug)]
pub struct BatchSender<Q, A> {
    queue: mpsc::Sender<Request<Q, A>>,
}

/// The processing end of a batch channel.
#[derive(Debug)]
pub struct BatchReceiver<Q, A> {
    queue: mpsc::Receiver<Request<Q, A>>,
}

/// Creates both ends of a channel. The processing end stops when the callers' end is dropped.
pub fn batch_channel<Q, A>() -> (BatchSender<Q, A>, BatchReceiver<Q, A>) {
    let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
    (BatchSender { queue: sender }, BatchReceiver { queue: receiver })
}

impl<Q, A> BatchSender<Q, A> {
    /// Sends a request and waits for the reply.
    ///
    /// # Errors
    /// The batch failed or panicked, or the processing end has stopped.
    pub async fn call(&self, payload: Q) -> Result<A, Unavailable> {
        let (reply, replied) = oneshot::channel();
        self.queue.send(Request { payload, reply }).await.map_err(|_| stopped())?;
        replied.await.map_err(|_| stopped())?
    }

    /// Sends at most [`MAX_BATCH`] requests at once and waits for all replies, in the order of the requests.
    ///
    /// # Errors
    /// The first error of a reply, a panic of the batch, or the processing end has stopped.
    pub async fn call_all(&self, payloads: Vec<Q>) -> Result<Vec<A>, Unavailable> {
        if payloads.is_empty() {
            return Ok(Vec::new());
        }
        let permits = self.queue.reserve_many(payloads.len()).await.map_err(|_| stopped())?;
        let mut pending = Vec::with_capacity(payloads.len());
        for (permit, payload) in permits.zip(payloads) {
            let (reply, replied) = oneshot::channel();
            permit.send(Request { payload, reply });
            pending.push(replied);
        }
        let mut replies = Vec::with_capacity(pending.len());
        for replied in pending {
            replies.push(replied.await.map_err(|_| stopped())??);
        }
        Ok(replies)
    }
}

impl<Q, A> BatchReceiver<Q, A> {
    /// Waits for the next batch and appends it to `batch`. Returns false when the callers' end is dropped.
    ///
    /// After the first request all other tasks that can run do so, since those of other connections may have requests for
    /// this batch. If this is dropped before it returns, what it has taken is in `batch`; the next call does not wait then.
    /// A request whose caller has gone is processed all the same: a browser that closes its page does not wait
    /// for the reply to its last heartbeat.
    pub async fn next(&mut self, batch: &mut Vec<Request<Q, A>>) -> bool {
        if batch.is_empty() && self.queue.recv_many(batch, MAX_BATCH).await == 0 {
            return false;
        }
        tokio::task::yield_now().await;
        self.fill(batch);
        true
    }

    /// Appends requests that are queued already, until `batch` has [`MAX_BATCH`].
    pub fn fill(&mut self, batch: &mut Vec<Request<Q, A>>) {
        while batch.len() < MAX_BATCH {
            match self.queue.try_recv() {
                Ok(request) => batch.push(request),
                Err(_) => return,
            }
        }
    }

    /// Fails `batch` and all queued requests: the store has just failed the previous batch, for which they waited.
    pub fn fail_waiting(&mut self, batch: &mut Vec<Request<Q, A>>) {
        while let Ok(request) = self.queue.try_recv() {
            batch.push(request);
        }
        for request in batch.drain(..) {
            request.reply(Err(Unavailable::new("the store did not answer the previous batch")));
        }
    }
}

/// Background tasks, with their names.
pub type NamedTasks = Vec<(&'static str, BoxFuture<'static, ()>)>;

/// Answers all requests of a channel in batches, until the callers' end is dropped. `size` is the size of the next batch of
/// those that wait, `answer` replies to a batch and returns whether the store answered: if it did not, all that wait fail.
pub async fn answer_batches<Q, A, F>(
    mut requests: BatchReceiver<Q, A>,
    size: impl Fn(&[Request<Q, A>]) -> usize,
    answer: impl Fn(Vec<Request<Q, A>>) -> F,
) where
    F: Future<Output = bool>,
{
    let mut waiting = Vec::new();
    while !waiting.is_empty() || requests.next(&mut waiting).await {
        let batch = waiting.drain(..size(&waiting).clamp(1, waiting.len())).collect();
        if run_batch(answer(batch)).await == Some(false) {
            requests.fail_waiting(&mut waiting);
        }
        requests.fill(&mut waiting);
    }
}

/// Processes one batch. A panic ends this batch alone: its callers get an error, and the processing end goes on. Returns
/// `None` then; the panic hook has logged it.
pub async fn run_batch<T>(batch: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(batch).catch_unwind().await.ok()
}

fn stopped() -> Unavailable {
    Unavailable::new("the request was dropped: the sidecar is stopping, or its batch panicked")
}
