//! Batches the queries of concurrent requests: one query for all that wait at the same time.

use futures_util::future::{self, BoxFuture};

use crate::messaging::domain::ClientId;
use crate::messaging::store::{
    ClientRecord, MAX_CLIENTS, MAX_PAGES, MAX_POLL_STATES, MessagePage, MessageStore, PageRequest, PollState,
};
use crate::storage;
use crate::storage::batch::{BatchReceiver, BatchSender, Request, answer_batches, batch_channel};
use crate::storage::sql::{Error, Result};

/// The senders of the requests.
pub struct ReadBatcher {
    /// Requests for clients.
    pub clients: BatchSender<ClientId, Option<ClientRecord>>,
    /// Requests for poll states.
    pub states: BatchSender<ClientId, Option<PollState>>,
    /// Requests for pages of messages.
    pub pages: BatchSender<PageRequest, MessagePage>,
}

/// Reads the answers of several requests with one query, in their order.
type Read<Q, A> = for<'a> fn(&'a MessageStore, &'a [Q]) -> BoxFuture<'a, Result<Vec<A>>>;

/// Returns the senders, and the worker that answers their requests. The worker ends when the senders are dropped.
pub fn start(store: MessageStore) -> (ReadBatcher, BoxFuture<'static, ()>) {
    let (clients, client_requests) = batch_channel();
    let (states, state_requests) = batch_channel();
    let (pages, page_requests) = batch_channel();
    let worker = async move {
        let clients = run(&store, client_requests, MAX_CLIENTS, |store, ids| Box::pin(store.clients_by_id(ids)));
        let states = run(&store, state_requests, MAX_POLL_STATES, |store, ids| Box::pin(store.poll_states(ids)));
        let pages = run(&store, page_requests, MAX_PAGES, |store, requests| Box::pin(store.pages(requests)));
        future::join3(clients, states, pages).await;
    };
    (ReadBatcher { clients, states, pages }, Box::pin(worker))
}

/// Answers the requests of a channel, up to `most` at once.
async fn run<Q: Clone, A>(store: &MessageStore, requests: BatchReceiver<Q, A>, most: usize, read: Read<Q, A>) {
    answer_batches(requests, |waiting| waiting.len().min(most), |batch| answer(store, batch, read)).await;
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
            let answered = matches!(error, Error::Rejected(_)) || error.is_interruption();
            let error = storage::Unavailable::from(error);
            batch.into_iter().for_each(|request| request.reply(Err(error.clone())));
            return answered;
        }
    }
    true
}
