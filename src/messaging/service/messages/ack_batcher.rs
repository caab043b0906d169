//! Batches acknowledgements: those that wait at the same time are stored with one commit.
//!
//! A batch that meets a lock is not stored: each of its callers stores its own alone, and so do all callers for a while
//! after it. So a client whose row is locked for long delays and fails no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::service::context::MessagingContext;
use crate::storage::batch::{BatchSender, Request, answer_batches, batch_channel};
use crate::storage::sql::{Error, Result};
use crate::storage::{Rest, Unavailable};

/// Maximum number of acknowledgements in a batch.
const MAX_BATCH: usize = 128;

/// The time for which acknowledgements are stored alone after a batch has met a lock.
const PAUSE_AFTER_LOCK: Duration = Duration::from_secs(5);

/// A client, and the id up to which it has received all messages.
pub type Acknowledgement = (ClientId, i64);

/// The sender of acknowledgements. The reply is false if one was not stored, and must be stored alone.
pub type AckBatcher = BatchSender<Acknowledgement, bool>;

/// Returns the sender, and the worker that stores the acknowledgements. The worker ends when the sender is dropped.
pub fn start(context: Arc<MessagingContext>) -> (AckBatcher, BoxFuture<'static, ()>) {
    let (sender, requests) = batch_channel();
    let size = |waiting: &[Request<Acknowledgement, bool>]| waiting.len().min(MAX_BATCH);
    let worker = async move {
        let locked = Rest::new(PAUSE_AFTER_LOCK);
        answer_batches(requests, size, |batch| store_batch(&context, &locked, batch)).await;
    };
    (sender, Box::pin(worker))
}

/// Stores the greatest id of each client.
///
/// # Errors
/// Those of the database.
pub async fn store(context: &MessagingContext, acknowledgements: impl Iterator<Item = Acknowledgement>) -> Result<()> {
    let mut receipts: BTreeMap<ClientId, i64> = BTreeMap::new();
    for (client, id) in acknowledgements {
        let stored = receipts.entry(client).or_insert(id);
        *stored = id.max(*stored);
    }
    let (store, receipts) = (&context.store, &receipts);
    context.at_now(|now: MessageTime| async move { store.acknowledge(receipts, &now.stored).await }).await
}

/// Stores a batch; returns whether the database answered. `locked` is on for a while after a batch has met a lock.
async fn store_batch(context: &MessagingContext, locked: &Rest, batch: Vec<Request<Acknowledgement, bool>>) -> bool {
    if locked.is_on() {
        batch.into_iter().for_each(|request| request.reply(Ok(false)));
        return true;
    }
    let outcome = store(context, batch.iter().map(|request| request.payload.clone())).await;
    locked.record(outcome.as_ref().is_err_and(Error::is_interruption));
    match outcome {
        Err(error @ Error::Unavailable(_)) if !error.is_interruption() => {
            let error = Unavailable::from(error);
            batch.into_iter().for_each(|request| request.reply(Err(error.clone())));
            return false;
        }
        // One of them may be at fault.
        outcome => batch.into_iter().for_each(|request| request.reply(Ok(outcome.is_ok()))),
    }
    true
}
