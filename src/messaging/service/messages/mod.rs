//! Messages of clients: polls, acknowledgements, sends, and what operators read of them.

mod ack_batcher;
mod poll;
mod send;
mod send_batcher;
mod views;

use std::sync::Arc;

use tokio::sync::Semaphore;

use self::ack_batcher::AckBatcher;
pub use self::send::{OpenedSend, SendRequest};
use self::send_batcher::SendBatcher;
pub use self::views::MessageView;
use super::clients::Clients;
use super::context::MessagingContext;
use super::publisher::Publisher;
use super::read_batcher::ReadBatcher;
use crate::storage::batch::NamedTasks;

/// The operations on the messages of a client.
pub struct Messages {
    context: Arc<MessagingContext>,
    clients: Arc<Clients>,
    publisher: Arc<Publisher>,
    reads: Arc<ReadBatcher>,
    sends: SendBatcher,
    acks: AckBatcher,
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
    /// Creates the service, and the tasks that batch what clients send and acknowledge; both are stored only while they
    /// run. Messages that clients send have these `limits`.
    pub fn new(
        context: Arc<MessagingContext>,
        (clients, publisher): (Arc<Clients>, Arc<Publisher>),
        reads: Arc<ReadBatcher>,
        limits: SendLimits,
    ) -> (Self, NamedTasks) {
        let (sends, send_batcher) = send_batcher::start(context.clone());
        let (acks, ack_batcher) = ack_batcher::start(context.clone());
        let parsers = Semaphore::new(MAX_PARSERS);
        let tasks: NamedTasks = vec![("sends", send_batcher), ("acknowledgements", ack_batcher)];
        (Self { context, clients, publisher, reads, sends, acks, limits, parsers }, tasks)
    }
}
