//! Batches the queries of concurrent polls.

use futures_util::future::{self, BoxFuture};

use crate::messaging::domain::ClientId;
use crate::messaging::store::{MAX_PAGES, MAX_POLL_STATES, MessagePage, MessageStore, PageRequest, PollState};
use crate::storage;
use crate::storage::batch::{BatchReceiver, BatchSender, Request, batch_channel, run_batch};
use crate::storage::sql::{Error, Result};

/// The senders of the requests of polls.
pub struct PollBatcher {
    /// Requests for poll states.
    pub states: BatchSender<ClientId, Option<PollState>>,
    /// Requests for pages of messages.
    pub pages: BatchSender<PageRequest, MessagePage>,
}

/// Reads the answers of several requests with one query, in their order.
type Read<Q, A> = for<'a> fn(&'a MessageStore, &'a [Q]) -> BoxFuture<'a, Result<Vec<A>>>;

/// Returns the senders, and the worker that answers their requests. The worker ends when the senders are dropped.
pub fn start(store: MessageStore) -> (PollBatcher, BoxFuture<'static, ()>) {
    let (states, state_requests) = batch_channel();
    let (pages, page_requests) = batch_channel();
    let worker = async move {
        let answer_states = run(&store, state_requests, MAX_POLL_STATES, |store, ids| Box::pin(store.poll_states(ids)));
        let answer_pages = run(&store, page_requests, MAX_PAGES, |store, requests| Box::pin(store.pages(requests)));
        future::join(answer_states, answer_pages).await;
    };
    (PollBatcher { states, pages }, Box::pin(worker))
}

/// Answers the requests of a channel, up to `most` at once.
async fn run<Q: Clone, A>(store: &MessageStore, mut requests: BatchReceiver<Q, A>, most: usize, read: Read<Q, A>) {
    let mut waiting: Vec<Request<Q, A>> = Vec::new();
    while !waiting.is_empty() || requests.next(&mut waiting).await {
        let batch: Vec<_> = waiting.drain(..waiting.len().min(most)).collect();
        if run_batch(answer(store, batch, read)).await == Some(false) {
            requests.fail_waiting(&mut waiting);
        }
        requests.fill(&mut waiting);
    }
}

/// Answers one batch; returns whether the database answered. A batch that the database refuses is read one by one: the row of
/// one client fails no other.
async fn answer<Q: Clone, A>(store: &MessageStore, batch: Vec<Request<Q, A>>, read: Read<Q, A>) -> bool {
    let payloads: Vec<Q> = batch.iter().map(|request| request.payload.clone()).collect();
    match read(store, &payloads).await {
        Ok(answers) => batch.into_iter().zip(answers).for_each(|(request, answer)| request.reply(Ok(answer))),
        Err(Error::Rejected(_)) if batch.len() > 1 => {
            for (request, payload) in batch.into_iter().zip(&payloads) {
                let alone = read(store, std::slice::from_ref(payload)).await;
                request.reply(alone.map(|mut answers| answers.swap_remove(0)).map_err(storage::Unavailable::from));
            }
        }
        Err(error) => {
            let answered = matches!(error, Error::Rejected(_));
            let error = storage::Unavailable::from(error);
            batch.into_iter().for_each(|request| request.reply(Err(error.clone())));
            return answered;
        }
    }
    true
}
