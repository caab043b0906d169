//! Messaging as the API sees it.
//!
//! The sidecar goes by its own clock for the times of messages, as Laravel does: they are shown, not compared, since ids
//! give the order.

mod error;
mod fanout;
mod jobs;
mod last_seen;
mod metrics;
mod operators;
mod polling;
mod queued_fanout;
mod registration;
mod retention;
mod sending;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub use self::error::{MessagingError, Outcome};
pub use self::fanout::Fanout;
pub use self::jobs::JobView;
use self::last_seen::LastSeen;
pub use self::metrics::Metrics;
pub use self::operators::{ClientView, MessageView};
use self::polling::PollBatcher;
pub use self::queued_fanout::QUEUE;
pub use self::registration::{Credentials, Registered};
pub use self::sending::SendRequest;
use self::tokens::TokenCache;
use super::domain::{ClientId, MessageTime};
use super::seal::SealKey;
use super::store::{ClientRecord, MessageRecord, MessageStore};
use crate::laravel::crypt::Crypt;
use crate::php::date;
use crate::queue::Queue;
use crate::storage::sql::{Database, Engine, TableNames};

/// How often it is written who was seen.
const SEEN_EVERY: Duration = Duration::from_secs(1);

/// The messaging service.
pub struct Messaging {
    store: MessageStore,
    standings: PollBatcher,
    database: Database,
    crypt: Crypt,
    zone: Tz,
    max_recipients: usize,
    bcrypt_cost: u32,
    tokens: TokenCache,
    seen: LastSeen,
    keep_acked: Option<Duration>,
    keep: Option<Duration>,
    queue: Option<Arc<dyn Queue>>,
    /// FeedMessage when something was queued.
    queued: Notify,
    metrics: Metrics,
}

/// What a messaging service stands on.
pub struct MessagingOptions {
    /// The database.
    pub database: Database,
    /// What its tables are called.
    pub names: TableNames,
    /// What `APP_KEY` encrypts and decrypts.
    pub crypt: Crypt,
    /// The application's time zone, which its tables are in.
    pub zone: Tz,
    /// Most clients that a client may have one message relayed to.
    pub max_recipients: usize,
    /// The cost of the bcrypt hash of a new token.
    pub bcrypt_cost: u32,
    /// How long acknowledged messages are kept, if not for ever.
    pub keep_acked: Option<Duration>,
    /// How long all others are.
    pub keep: Option<Duration>,
    /// Where fan-out waits; without one it is done before the answer.
    pub queue: Option<Arc<dyn Queue>>,
    /// What counts.
    pub metrics: Metrics,
}

/// Who says it is which client.
pub struct Caller {
    /// The client it says it is.
    pub id: ClientId,
    /// The API token that is to prove it.
    pub token: Zeroizing<String>,
}

fn micros() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

impl Messaging {
    /// The service, and the worker that asks the database for all who poll; without it no poll is answered. Nothing is
    /// connected to yet.
    pub fn new(ground: MessagingOptions) -> (Self, BoxFuture<'static, ()>) {
        let MessagingOptions {
            database,
            names,
            crypt,
            zone,
            max_recipients,
            bcrypt_cost,
            keep_acked,
            keep,
            queue,
            metrics,
        } = ground;
        let store = MessageStore::new(database.clone(), &names);
        let (tokens, seen) = (TokenCache::new(crypt.clone()), LastSeen::default());
        let queued = Notify::new();
        let (standings, asking) = polling::standings(store.clone());
        let service = Self {
            store,
            standings,
            database,
            crypt,
            zone,
            max_recipients,
            bcrypt_cost,
            tokens,
            seen,
            keep_acked,
            keep,
            queue,
            queued,
            metrics,
        };
        (service, asking)
    }

    /// Records that the client has seen everything up to `id`; never less than before.
    pub async fn acknowledge(&self, caller: &Caller, id: i64) -> Outcome<()> {
        let client = self.authenticate(caller).await?;
        Ok(self.store.acknowledge(&client.id, id, &self.now().stored).await?)
    }

    /// The client that the caller is.
    ///
    /// # Errors
    /// [`MessagingError::InvalidToken`] if it is not.
    pub async fn authenticate(&self, caller: &Caller) -> Outcome<ClientRecord> {
        let client = self.known(self.store.client(&caller.id).await?)?;
        let secrets = &client.secrets;
        self.check(caller, &secrets.token_hash, secrets.token_encrypted.as_deref()).await?;
        self.saw(&client.id);
        Ok(client)
    }

    /// Whether the caller has lately shown the token that it shows now.
    pub fn remembers(&self, caller: &Caller) -> bool {
        self.tokens.remembers(caller)
    }

    fn known<T>(&self, found: Option<T>) -> Outcome<T> {
        found.ok_or(MessagingError::InvalidToken).inspect_err(|_| self.metrics.refused.increment(1))
    }

    async fn check(&self, caller: &Caller, hash: &str, encrypted: Option<&str>) -> Outcome<()> {
        let checked = self.tokens.check(caller, hash, encrypted).await;
        checked.inspect_err(|_| self.metrics.refused.increment(1))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ready(&self) -> Outcome<()> {
        Ok(self.store.ready().await?)
    }

    /// Writes who was seen since the last time; what cannot be written now is written later.
    pub async fn write_seen(&self) {
        if let Err(error) = self.seen.write(&self.store, self.zone).await {
            tracing::debug!(error = error.chain(), "who was seen is written later");
        }
    }

    /// Writes who was seen, every second until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(SEEN_EVERY) => {}
                () = stop.cancelled() => {}
            }
            self.write_seen().await;
        }
    }

    /// Writes what is left to be written and closes the database; to be called when nobody asks any more.
    pub async fn end(&self) {
        self.write_seen().await;
        self.database.close().await;
    }

    /// Whether the database can hold a text that came in `field`: on Postgres there is no NUL in one.
    fn holds(&self, field: &'static str, text: &str) -> Outcome<()> {
        let refused = self.database.engine() == Engine::Postgres && text.contains('\0');
        if refused { Err(MessagingError::Nul(field)) } else { Ok(()) }
    }

    fn saw(&self, id: &ClientId) {
        self.seen.note(id, micros());
    }

    /// A message with its time as clients read it.
    fn told(&self, mut message: MessageRecord) -> MessageRecord {
        if let Some(at) = date::from_database(&message.created_at, self.zone) {
            message.created_at = date::iso8601(at, self.zone);
        }
        message
    }

    fn now(&self) -> MessageTime {
        MessageTime::at(micros(), self.zone)
    }

    /// A client's key from how it is stored.
    fn key(&self, encrypted: &str) -> Option<SealKey> {
        let token = self.crypt.decrypt(encrypted).ok()?;
        SealKey::parse(std::str::from_utf8(&token).ok()?)
    }
}
