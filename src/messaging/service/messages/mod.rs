//! Messages of clients: polls, acknowledgements, sends, and what operators read of them.

mod poll;
mod poll_batcher;
mod send;
mod views;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use self::poll_batcher::PollBatcher;
pub use self::send::{OpenedSend, SendRequest};
pub use self::views::MessageView;
use super::clients::Clients;
use super::context::MessagingContext;
use super::publisher::Publisher;

/// The operations on the messages of a client.
pub struct Messages {
    context: Arc<MessagingContext>,
    clients: Arc<Clients>,
    publisher: Arc<Publisher>,
    polls: PollBatcher,
    limits: SendLimits,
    /// Permits to parse a large message.
    parsers: Semaphore,
}

/// Limits of a message that a client sends.
#[derive(Clone, Copy, Debug)]
pub struct SendLimits {
    /// Maximum number of clients that it is relayed to.
    pub recipients: usize,
    /// Maximum number of bytes that it takes in the database, over all recipients.
    pub stored_bytes: usize,
}

/// Maximum number of large messages that are parsed at the same time.
const MAX_PARSERS: usize = 2;

impl Messages {
    /// Creates the service, and the worker that batches the queries of concurrent polls; polls are answered only while it
    /// runs. Messages that clients send have these `limits`.
    pub fn new(
        context: Arc<MessagingContext>,
        clients: Arc<Clients>,
        publisher: Arc<Publisher>,
        limits: SendLimits,
    ) -> (Self, BoxFuture<'static, ()>) {
        let (polls, batcher) = poll_batcher::start(context.store.clone());
        let parsers = Semaphore::new(MAX_PARSERS);
        (Self { context, clients, publisher, polls, limits, parsers }, batcher)
    }
}
