//! The messaging service: what the API, the workers and the application call.
//!
//! [`Clients`] registers and authenticates clients, [`Messages`] polls, acknowledges and sends for them, [`Publisher`]
//! stores a message for many clients, and what operators read is with each. They share a [`MessagingContext`].

mod clients;
mod context;
mod error;
mod last_seen;
mod messages;
mod metrics;
mod publisher;
mod read_batcher;

use std::sync::Arc;

use chrono_tz::Tz;

pub use self::clients::{Caller, ClientView, Clients, Credentials, KeySample, RegistrationResult};
pub use self::context::MessagingContext;
pub use self::error::{MessagingError, Result};
use self::last_seen::LastSeen;
pub use self::messages::{MessageView, Messages, OpenedSend, SendLimits, SendRequest};
pub use self::metrics::Metrics;
pub use self::publisher::{Fanout, JobView, LANES, Publisher, QUEUE, fanout_id};
use super::store::MessageStore;
use crate::laravel::crypt::Crypt;
use crate::queue::Queue;
use crate::storage::batch::NamedTasks;
use crate::storage::sql::{Database, TableNames};

/// The messaging service.
pub struct Messaging {
    /// Clients and their credentials.
    pub clients: Arc<Clients>,
    /// Messages of clients.
    pub messages: Messages,
    /// Publications to many clients.
    pub publisher: Arc<Publisher>,
    /// What they share.
    pub context: Arc<MessagingContext>,
}

/// The dependencies and options of the messaging service.
pub struct MessagingOptions {
    /// The database.
    pub database: Database,
    /// The names of its tables.
    pub names: TableNames,
    /// Encryption with `APP_KEY`.
    pub crypt: Crypt,
    /// The application's time zone, which the tables use.
    pub zone: Tz,
    /// Limits of messages that clients send.
    pub limits: SendLimits,
    /// The bcrypt cost of new API tokens.
    pub bcrypt_cost: u32,
    /// Whether a registration replaces the key of a known client if it does not decrypt.
    pub replace_lost_keys: bool,
    /// The queue of fan-out jobs; without one, a publication is fanned out before the response.
    pub queue: Option<Arc<dyn Queue>>,
    /// Counters and histograms.
    pub metrics: Metrics,
}

impl Messaging {
    /// Creates the service, and the tasks that batch its queries and writes; requests of clients are answered only while
    /// they run, and they end when the service is dropped. Opens no connection yet.
    pub fn new(options: MessagingOptions) -> (Self, NamedTasks) {
        let store = MessageStore::new(options.database, &options.names);
        let context = Arc::new(MessagingContext {
            store,
            crypt: options.crypt,
            zone: options.zone,
            last_seen: LastSeen::default(),
            metrics: options.metrics,
        });
        let (reads, read_batcher) = read_batcher::start(context.store.clone());
        let reads = Arc::new(reads);
        let (cost, replace) = (options.bcrypt_cost, options.replace_lost_keys);
        let clients = Arc::new(Clients::new(context.clone(), reads.clone(), cost, replace));
        let (publisher, acceptors) = Publisher::new(context.clone(), options.queue);
        let publisher = Arc::new(publisher);
        let (messages, batchers) =
            Messages::new(context.clone(), (clients.clone(), publisher.clone()), reads, options.limits);
        let tasks = [("polls", read_batcher)].into_iter().chain(batchers).chain(acceptors).collect();
        (Self { clients, messages, publisher, context }, tasks)
    }

    /// Checks that the database accepts writes.
    ///
    /// # Errors
    /// The database does not answer, or refuses a write.
    pub async fn ready(&self) -> Result<()> {
        Ok(self.context.store.ready().await?)
    }

    /// Returns the name of the database, for operators.
    pub fn store_name(&self) -> &str {
        self.context.store.name()
    }

    /// Writes what is not stored yet and closes the database. Call it after the last request.
    pub async fn close(&self) {
        self.context.write_last_seen().await;
        self.context.store.close().await;
    }
}
