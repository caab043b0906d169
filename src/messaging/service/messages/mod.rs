//! Messages of clients: polls, acknowledgements, sends, and what operators read of them.

mod poll;
mod poll_batcher;
mod send;
mod views;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::poll_batcher::PollBatcher;
pub use self::send::SendRequest;
pub use self::views::MessageView;
use super::clients::Clients;
use super::context::MessagingContext;
use super::publisher::Publisher;

/// The operations on the messages of a client.
pub struct Messages {
    context: Arc<MessagingContext>,
    clients: Arc<Clients>,
    publisher: Arc<Publisher>,
    poll_states: PollBatcher,
    max_recipients: usize,
}

impl Messages {
    /// Creates the service, and the worker that batches the queries of concurrent polls; polls are answered only while it
    /// runs. A message that a client sends is relayed to at most `max_recipients` others.
    pub fn new(
        context: Arc<MessagingContext>,
        clients: Arc<Clients>,
        publisher: Arc<Publisher>,
        max_recipients: usize,
    ) -> (Self, BoxFuture<'static, ()>) {
        let (poll_states, batcher) = poll_batcher::start(context.store.clone());
        (Self { context, clients, publisher, poll_states, max_recipients }, batcher)
    }
}
