//! The harness of store tests: applies the rules and commits, at the time of the test.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use presence_sidecar::presence::domain::View;
use presence_sidecar::presence::domain::identity::{Id, Meta, Scope, SessionId, Subject};
use presence_sidecar::presence::domain::{
    Change, Heartbeat, Input, Outbox, OutboxPlan, Rules, Span, Status, Timestamp, Windows,
};
use presence_sidecar::presence::service::clock::Clock;
use presence_sidecar::presence::service::outbox::plan_outbox;
use presence_sidecar::presence::store::{
    ArrayStore, ChangeCursor, Changes, Commit, Committed, PageLimit, PresenceStore, RedisOptions, RedisStore,
    SqlOptions, SqlStore, own_prefixes,
};
use presence_sidecar::presence::worker::sweep::ExpirySweeper;
use presence_sidecar::presence::{CommitContext, Metrics};
use presence_sidecar::queue::{MemoryQueue, Queue, RedisQueue, SqlQueue};
use presence_sidecar::storage::redis::RedisServers;
use presence_sidecar::telemetry::Registry;

use crate::storage::migrated;
use crate::support::{RedisServer, TestDatabase};

/// What Laravel puts before its cache keys.
pub const PREFIX: &str = "laravel-database-laravel-cache-";

/// The time at which tests begin.
pub const START: Timestamp = Timestamp::from_secs(1_772_600_767);

/// A store and the rules, and the queues that changes are pushed into.
#[derive(Clone)]
pub struct StoreHarness {
    pub store: Arc<dyn PresenceStore>,
    pub queue: Arc<dyn Queue>,
    pub windows: Windows,
    pub outbox: Arc<Outbox>,
}

impl StoreHarness {
    pub fn array() -> Self {
        Self::array_into(Outbox::default())
    }

    pub fn array_into(outbox: Outbox) -> Self {
        let queue = Arc::new(MemoryQueue::new());
        Self::new(Arc::new(ArrayStore::new(queue.clone(), outbox.clone())), queue, outbox)
    }

    pub fn redis(server: &RedisServer) -> Self {
        Self::redis_into(server, Outbox::default())
    }

    pub fn redis_into(server: &RedisServer, outbox: Outbox) -> Self {
        Self::on_servers(server.info().into(), PREFIX, (1, 1), outbox)
    }

    /// On a server, a cluster or the master of Sentinels: with this prefix of keys, database of records and number of shards.
    pub fn on_servers(servers: RedisServers, prefix: &str, (cache_db, shards): (i64, usize), outbox: Outbox) -> Self {
        const TIMEOUT: Duration = Duration::from_secs(5);
        let queue = RedisQueue::new(&servers, TIMEOUT, own_prefixes(prefix, shards)).unwrap();
        let options = RedisOptions {
            servers,
            cache_db,
            prefix: prefix.to_owned(),
            shards,
            zone: chrono_tz::UTC,
            timeout: TIMEOUT,
            outbox: outbox.clone(),
        };
        Self::new(Arc::new(RedisStore::new(options).unwrap()), Arc::new(queue), outbox)
    }

    pub async fn sql(database: &TestDatabase) -> Self {
        Self::sql_into(database, Outbox::default()).await
    }

    pub async fn sql_into(database: &TestDatabase, outbox: Outbox) -> Self {
        let (opened, names) = migrated(database).await;
        let queue = Arc::new(SqlQueue::new(opened.clone(), &names));
        let options = SqlOptions {
            database: opened,
            names,
            prefix: "laravel-cache-".to_owned(),
            version: "12".parse().unwrap(),
            zone: chrono_tz::UTC,
            outbox: outbox.clone(),
        };
        Self::new(Arc::new(SqlStore::new(options)), queue, outbox)
    }

    fn new(store: Arc<dyn PresenceStore>, queue: Arc<dyn Queue>, outbox: Outbox) -> Self {
        let windows =
            Windows { ttl: Span::from_secs(120), away_after: Span::from_secs(90), remember: Span::from_secs(86_400) };
        Self { store, queue, windows, outbox: Arc::new(outbox) }
    }

    pub fn rules(&self) -> Rules {
        Rules { windows: self.windows, installation: self.outbox.installation }
    }

    pub fn sweep(&self) -> ExpirySweeper {
        let context = CommitContext {
            store: self.store.clone(),
            clock: Arc::new(Clock::new()),
            rules: self.rules(),
            outbox: Arc::new(ArcSwap::new(self.outbox.clone())),
            metrics: Arc::new(Metrics::new(&Registry::new())),
            notifier: Arc::default(),
            cache_bytes: 1 << 20,
        };
        ExpirySweeper { context, keep_changes: Span::from_secs(86_400) }
    }

    /// Loads, applies, commits, until there is no conflict.
    pub async fn act(&self, user: i64, input: Input, now: Timestamp) {
        while self.commit(&subject(user), input.clone(), now).await != Committed::Done {}
    }

    /// Loads, applies, commits once.
    pub async fn commit(&self, subject: &Subject, input: Input, now: Timestamp) -> Committed {
        let commit = self.prepare(subject, input, now).await;
        self.store.commit(&[commit], now).await.unwrap().remove(0)
    }

    /// Loads, applies, and plans the outbox.
    pub async fn prepare(&self, subject: &Subject, input: Input, now: Timestamp) -> Commit {
        let known = self.store.load(std::slice::from_ref(&subject.key), now).await.unwrap().remove(0);
        let roster_status = known.state.as_ref().map_or(Status::Offline, |state| state.status);
        let decision = self.rules().apply(known.state, known.record, subject, input, now);
        let outbox = OutboxPlan::default();
        let mut commit = Commit { key: subject.key.clone(), expected: known.version, roster_status, decision, outbox };
        plan_outbox(self.store.as_ref(), &self.outbox, std::slice::from_mut(&mut commit)).await.unwrap();
        commit
    }

    pub async fn view(&self, user: i64, now: Timestamp) -> View {
        let known = self.store.load(&[subject(user).key], now).await.unwrap().remove(0);
        View::of_known(known.state, known.record, &self.windows, now)
    }

    /// The log as (user, status) pairs.
    pub async fn log(&self) -> Vec<(String, Status)> {
        let changes = self.changes().await.into_iter();
        changes.map(|(_, change)| (change.user_id.to_string(), change.status)).collect()
    }

    /// The whole log.
    pub async fn changes(&self) -> Vec<(ChangeCursor, Change)> {
        self.page(None, 1_000_000).await
    }

    /// A page of it.
    pub async fn page(&self, after: Option<ChangeCursor>, limit: usize) -> Vec<(ChangeCursor, Change)> {
        match self.store.changes(after, PageLimit { entries: limit, bytes: usize::MAX }).await.unwrap() {
            Changes::Page(page) => page.entries,
            Changes::Trimmed(oldest) | Changes::Foreign(oldest) => panic!("what is left follows {oldest}"),
        }
    }
}

pub fn subject(user: i64) -> Subject {
    Subject::new(Id::from(user), Scope::default(), true)
}

pub fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START.micros() + seconds * 1_000_000)
}

pub fn beat(active: bool) -> Input {
    Input::Heartbeat(Heartbeat { session: SessionId::default(), active, meta: Meta::default(), sent_at: None })
}

/// A heartbeat of a session.
pub fn in_session(name: &str, active: bool) -> Input {
    let session = SessionId::new(name).unwrap();
    Input::Heartbeat(Heartbeat { session, active, meta: Meta::default(), sent_at: None })
}

/// An active heartbeat of a session, with a meta.
pub fn beat_of(session: &str, meta: &str) -> Input {
    let (session, meta) = (SessionId::new(session).unwrap(), Meta::from_json(meta).unwrap());
    Input::Heartbeat(Heartbeat { session, active: true, meta, sent_at: None })
}

/// The end of a session.
pub fn end_of(name: &str) -> Input {
    Input::Offline { session: Some(SessionId::new(name).unwrap()), meta: Meta::default(), sent_at: None }
}

/// An explicit `online()`, with a meta.
pub fn online(meta: &str) -> Input {
    let meta = Meta::from_json(meta).unwrap();
    Input::Online(Heartbeat { session: SessionId::default(), active: true, meta, sent_at: None })
}

pub fn offline() -> Input {
    Input::Offline { session: None, meta: Meta::default(), sent_at: None }
}
