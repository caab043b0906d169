//! Batches the queries of concurrent polls.

use futures_util::future::BoxFuture;

use crate::messaging::domain::ClientId;
use crate::messaging::store::{MAX_POLL_STATES, MessageStore, PollState};
use crate::storage;
use crate::storage::batch::{BatchReceiver, BatchSender, Request, batch_channel, run_batch};

/// The sender of requests for poll states.
pub type PollBatcher = BatchSender<ClientId, Option<PollState>>;

type PollRequest = Request<ClientId, Option<PollState>>;

/// Returns the sender, and the worker that answers its requests. The worker ends when the sender is dropped.
pub fn start(store: MessageStore) -> (PollBatcher, BoxFuture<'static, ()>) {
    let (sender, receiver) = batch_channel();
    (sender, Box::pin(run(store, receiver)))
}

async fn run(store: MessageStore, mut requests: BatchReceiver<ClientId, Option<PollState>>) {
    let mut waiting: Vec<PollRequest> = Vec::new();
    while !waiting.is_empty() || requests.next(&mut waiting).await {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(MAX_POLL_STATES)).collect();
        if run_batch(answer(&store, batch)).await == Some(false) {
            requests.fail_waiting(&mut waiting);
        }
        requests.fill(&mut waiting);
    }
}

/// Reads the poll states of `batch` and replies; returns whether the database answered.
async fn answer(store: &MessageStore, batch: Vec<PollRequest>) -> bool {
    let ids: Vec<ClientId> = batch.iter().map(|request| request.payload.clone()).collect();
    match store.poll_states(&ids).await {
        Ok(states) => {
            batch.into_iter().zip(states).for_each(|(request, state)| request.reply(Ok(state)));
            true
        }
        Err(error) => {
            let error = storage::Unavailable::from(error);
            batch.into_iter().for_each(|request| request.reply(Err(error.clone())));
            false
        }
    }
}
