//! The committer over a store whose connection fails, and the round trips that it makes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures_util::future::join_all;
use presence_sidecar::app::Supervisor;
use presence_sidecar::presence::domain::identity::{Scope, ScopeKey, UserKey};
use presence_sidecar::presence::domain::{
    Change, Event, HeldChange, Input, Outbox, RecordLookup, Span, Status, Timestamp, Transition,
};
use presence_sidecar::presence::service::clock::Clock;
use presence_sidecar::presence::service::read_many::UserQuery;
use presence_sidecar::presence::service::rosters::RosterPageQuery;
use presence_sidecar::presence::store::{
    ChangeCursor, ChangeHistory, Changes, Commit, Committed, Counts, LogIdentity, PageLimit, PresenceStore, Reconciled,
    Result, StoreDown, StoredUser, Unavailable, UserPlace,
};
use presence_sidecar::presence::worker::sweep::ExpirySweeper;
use presence_sidecar::presence::{CommitContext, Metrics, Presence, PresenceCommand};
use presence_sidecar::telemetry::Registry;
use tokio::sync::Notify;

use super::harness::{StoreHarness, beat, offline, subject};
use super::outbox::{ALL, AT_ONCE, LATER, claimed, outbox, pending, settle_everything, user};
use crate::support::RedisServer;

/// What happens to the next call of a method.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The connection is lost before the call reaches the store.
    BeforeHeld,
    /// Workers claim and settle jobs between the read of held jobs and the commit.
    AfterHeld,
    /// The connection is lost before the call reaches the store.
    BeforeCommit,
    /// The connection is lost before the reply comes.
    AfterCommit,
    /// A defect while users are loaded.
    PanicInLoad,
    /// A defect while records are read.
    PanicInRecords,
    /// A defect before the commit reaches the store.
    PanicInCommit,
    /// A defect while due users are claimed.
    PanicInClaim,
    /// The users that are loaded are held back until the test lets them go.
    HeldLoad,
    /// A record is missing in the answer.
    LostRecord,
}

/// A store with faults, which counts round trips.
struct FaultyStore {
    harness: StoreHarness,
    faults: Mutex<Vec<Fault>>,
    loads: AtomicUsize,
    helds: AtomicUsize,
    commits: AtomicUsize,
    /// Notified when a load is held back.
    is_held: Notify,
    /// Notified to let it go.
    go_on: Notify,
}

impl FaultyStore {
    fn new(harness: StoreHarness) -> Self {
        let [loads, helds, commits] = [0; 3].map(AtomicUsize::new);
        let [is_held, go_on] = [(); 2].map(|()| Notify::new());
        Self { harness, faults: Mutex::new(Vec::new()), loads, helds, commits, is_held, go_on }
    }

    fn fail(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().extend_from_slice(faults);
    }

    /// Whether the fault is to happen, and is the next one.
    fn take(&self, fault: Fault) -> bool {
        let mut faults = self.faults.lock().unwrap();
        let is_next = faults.first() == Some(&fault);
        if is_next {
            faults.remove(0);
        }
        is_next
    }

    fn lose(&self, fault: Fault) -> Result<()> {
        if self.take(fault) { Err(Unavailable::lost_connection("connection reset")) } else { Ok(()) }
    }

    fn panic(&self, fault: Fault) {
        assert!(!self.take(fault), "{fault:?}");
    }

    /// Loads and counts, reads of held jobs, and commits since the last call.
    fn round_trips(&self) -> [usize; 3] {
        [&self.loads, &self.helds, &self.commits].map(|count| count.swap(0, Ordering::SeqCst))
    }
}

#[async_trait]
impl ChangeHistory for FaultyStore {
    async fn history(&self, key: &UserKey, limit: usize) -> Result<Vec<(ChangeCursor, Change)>> {
        self.harness.store.history(key, limit).await
    }

    async fn erase_changes(&self, member: &str) -> Result<Vec<Change>> {
        self.harness.store.erase_changes(member).await
    }
}

#[async_trait]
impl PresenceStore for FaultyStore {
    fn shards(&self) -> usize {
        self.harness.store.shards()
    }

    fn shard_of(&self, key: &UserKey) -> usize {
        self.harness.store.shard_of(key)
    }

    fn servers(&self) -> Option<usize> {
        self.harness.store.servers()
    }

    fn place_of(&self, key: &UserKey) -> UserPlace {
        self.harness.store.place_of(key)
    }

    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.panic(Fault::PanicInLoad);
        let loaded = self.harness.store.load(keys, now).await;
        if self.take(Fault::HeldLoad) {
            self.is_held.notify_one();
            self.go_on.notified().await;
        }
        loaded
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        self.panic(Fault::PanicInRecords);
        let mut records = self.harness.store.records(keys, now).await?;
        if self.take(Fault::LostRecord) {
            records.remove(0);
        }
        Ok(records)
    }

    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        self.helds.fetch_add(1, Ordering::SeqCst);
        self.lose(Fault::BeforeHeld)?;
        let held = self.harness.store.held(keys).await;
        if self.take(Fault::AfterHeld) {
            tokio::time::sleep(SOON).await;
            assert_eq!(claimed(&self.harness, "calm").await, 1, "the held job is claimed");
        }
        held
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.lose(Fault::BeforeCommit)?;
        self.panic(Fault::PanicInCommit);
        let committed = self.harness.store.commit(commits, now).await;
        self.lose(Fault::AfterCommit)?;
        committed
    }

    async fn claim_due(&self, shard: usize, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        self.panic(Fault::PanicInClaim);
        self.harness.store.claim_due(shard, now, limit, lease_ms).await
    }

    async fn roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        self.harness.store.roster(scope, status, after, limit).await
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        self.harness.store.roster_status(keys).await
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.harness.store.counts(scope).await
    }

    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        self.harness.store.scan(from, limit).await
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        self.harness.store.changes(after, limit).await
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        self.harness.store.end_of_changes().await
    }

    async fn log_identity(&self, shard: usize) -> Result<LogIdentity> {
        self.harness.store.log_identity(shard).await
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        self.harness.store.trim_changes(before).await
    }

    async fn reconcile(&self, from: u64, now: Timestamp) -> Result<Reconciled> {
        self.harness.store.reconcile(from, now).await
    }

    async fn ready(&self) -> std::result::Result<(), StoreDown> {
        self.harness.store.ready().await
    }

    async fn time(&self) -> Result<Timestamp> {
        self.harness.store.time().await
    }
}

/// Long enough to read held jobs meanwhile, on a busy machine, too.
const SOON: Duration = Duration::from_secs(3);

/// A running presence service over a faulty store.
struct Service {
    presence: Presence,
    store: Arc<FaultyStore>,
    context: CommitContext,
}

impl Service {
    fn start(harness: StoreHarness) -> Self {
        let store = Arc::new(FaultyStore::new(harness));
        let harness = &store.harness;
        let context = CommitContext {
            store: store.clone(),
            clock: Arc::new(Clock::new()),
            rules: harness.rules(),
            outbox: Arc::new(ArcSwap::new(harness.outbox.clone())),
            metrics: Arc::new(Metrics::new(&Registry::new())),
            notifier: Arc::default(),
            cache_bytes: 1 << 20,
        };
        let (presence, workers) = Presence::new(context.clone());
        workers.into_iter().for_each(|(_, worker)| _ = tokio::spawn(worker));
        Self { presence, store, context }
    }

    async fn apply(&self, input: Input) -> Option<Transition> {
        self.presence.apply(PresenceCommand { subject: subject(1), input, trace: None }).await.unwrap().transition
    }

    /// A user who was online and went offline; only the `offline` is in the queue.
    async fn go_offline(&self) {
        self.apply(beat(true)).await;
        settle_everything(&self.store.harness, "calm").await;
        self.apply(offline()).await;
        self.store.round_trips();
    }

    async fn statuses(&self) -> Vec<Status> {
        self.store.harness.log().await.into_iter().map(|(_, status)| status).collect()
    }

    async fn events(&self) -> Vec<(String, Event)> {
        pending(&self.store.harness, "calm").await
    }
}

fn calm(debounce: Duration) -> Outbox {
    outbox(&[("calm", &ALL, debounce)])
}

const BACK: [Status; 3] = [Status::Online, Status::Offline, Status::Online];

#[tokio::test]
async fn commit_whose_reply_is_lost_is_not_sent_again_and_its_retraction_stands() {
    let service = Service::start(StoreHarness::array_into(calm(LATER)));
    service.go_offline().await;
    service.store.fail(&[Fault::AfterCommit]);
    assert_eq!(service.apply(beat(true)).await, Some(Transition::CameOnline));
    assert_eq!(service.statuses().await, BACK);
    assert_eq!(service.events().await, []);
    assert_eq!(service.store.round_trips(), [2, 1, 1]);
}

#[tokio::test]
async fn commit_that_did_not_reach_the_store_is_decided_again_and_retracts_once() {
    for fault in [Fault::BeforeHeld, Fault::BeforeCommit] {
        let service = Service::start(StoreHarness::array_into(calm(LATER)));
        service.go_offline().await;
        service.store.fail(&[fault]);
        assert_eq!(service.apply(beat(true)).await, Some(Transition::CameOnline), "{fault:?}");
        assert_eq!(service.statuses().await, BACK, "{fault:?}");
        assert_eq!(service.events().await, [], "{fault:?}");
    }
}

#[tokio::test]
async fn commit_whose_retraction_is_refused_is_decided_again_without_another_load() {
    require!("redis-server");
    let redis = RedisServer::start();
    for harness in [StoreHarness::array_into(calm(SOON)), StoreHarness::redis_into(&redis, calm(SOON))] {
        let service = Service::start(harness);
        service.go_offline().await;
        service.store.fail(&[Fault::AfterHeld]);
        assert_eq!(service.apply(beat(true)).await, Some(Transition::CameOnline));
        assert_eq!(service.statuses().await, BACK);
        assert_eq!(service.events().await, [Event::Offline, Event::Online].map(user));
        assert_eq!(service.store.round_trips(), [1, 2, 2]);
    }
}

#[tokio::test]
async fn refused_commit_is_not_loaded_again_when_the_next_read_of_held_jobs_fails() {
    let service = Service::start(StoreHarness::array_into(calm(SOON)));
    service.go_offline().await;
    service.store.fail(&[Fault::AfterHeld, Fault::BeforeHeld]);
    assert_eq!(service.apply(beat(true)).await, Some(Transition::CameOnline));
    assert_eq!(service.statuses().await, BACK);
    assert_eq!(service.events().await, [Event::Offline, Event::Online].map(user));
    assert_eq!(service.store.round_trips(), [1, 3, 2]);
}

#[tokio::test]
async fn held_jobs_are_read_only_for_users_who_come_back_where_a_queue_debounces() {
    for (debounce, held) in [(AT_ONCE, 0), (LATER, 1)] {
        let service = Service::start(StoreHarness::array_into(calm(debounce)));
        service.apply(beat(true)).await;
        assert_eq!(service.store.round_trips(), [1, held, 1], "a first heartbeat");
        service.apply(beat(true)).await;
        assert_eq!(service.store.round_trips(), [0, 0, 1], "a refresh");
        service.apply(beat(false)).await;
        assert_eq!(service.store.round_trips()[1..], [0, 1], "away");
        service.apply(offline()).await;
        assert_eq!(service.store.round_trips()[1..], [0, 1], "offline");
        service.apply(beat(true)).await;
        assert_eq!(service.store.round_trips(), [1, held, 1], "a return");
        let sweep = presence_sidecar::presence::worker::sweep::ExpirySweeper {
            context: service.context.clone(),
            keep_changes: presence_sidecar::presence::domain::Span::from_secs(86_400),
        };
        for seconds in [100, 200] {
            let now = service.context.clock.now();
            let later = Timestamp::from_micros(now.micros() + seconds * 1_000_000);
            assert_eq!(sweep.step(later).await.unwrap().changes, 1);
            assert_eq!(service.store.round_trips(), [1, 0, 1], "a sweep to away, or to offline");
        }
    }
}

/// Calls of scripts, and pipelines, that Redis counted since the last reset.
fn script_calls(server: &RedisServer) -> usize {
    let stats = server.cli(&["INFO", "commandstats"]);
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    let calls = calls.and_then(|line| line.split(',').next()).map_or(0, |calls| calls.parse().unwrap());
    server.cli(&["CONFIG", "RESETSTAT"]);
    calls
}

#[tokio::test]
async fn redis_runs_one_script_for_a_commit_and_another_only_for_a_return_with_debounce() {
    require!("redis-server");
    for (debounce, on_return) in [(AT_ONCE, 1), (LATER, 2)] {
        let server = RedisServer::start();
        let service = Service::start(StoreHarness::redis_into(&server, calm(debounce)));
        service.apply(beat(true)).await;
        script_calls(&server);
        service.apply(beat(true)).await;
        assert_eq!(script_calls(&server), 0, "a refresh");
        service.apply(offline()).await;
        assert_eq!(script_calls(&server), 1, "offline");
        service.apply(beat(true)).await;
        assert_eq!(script_calls(&server), on_return, "a return");
    }
}

#[tokio::test]
async fn panic_of_a_batch_fails_its_callers_and_no_others() {
    let service = Service::start(StoreHarness::array());
    let command = || PresenceCommand { subject: subject(1), input: beat(true), trace: None };
    let query = || UserQuery { scope: Scope::default().key(true), users: vec![1.into()] };
    for fault in [Fault::PanicInLoad, Fault::PanicInCommit] {
        service.store.fail(&[fault]);
        assert!(service.presence.apply(command()).await.is_err(), "{fault:?}");
        assert!(service.presence.apply(command()).await.is_ok(), "{fault:?}");
    }
    service.store.fail(&[Fault::PanicInLoad]);
    assert!(service.presence.status(subject(1).key).await.is_err());
    assert!(service.presence.status(subject(1).key).await.is_ok());
    service.store.fail(&[Fault::PanicInLoad]);
    assert!(service.presence.roster(page()).await.is_err());
    assert_eq!(service.presence.roster(page()).await.unwrap().members.len(), 1);
    service.store.fail(&[Fault::PanicInRecords]);
    assert!(service.presence.many(query()).await.is_err());
    assert!(service.presence.many(query()).await.is_ok());
}

fn page() -> RosterPageQuery {
    RosterPageQuery { scope: Scope::default().key(true), status: None, after: None, limit: 10 }
}

#[tokio::test]
async fn roster_page_is_read_once_for_all_who_wait_for_it() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    service.store.round_trips();
    let pages = join_all((0..20).map(|_| service.presence.roster(page()))).await;
    assert!(pages.into_iter().all(|page| page.unwrap().members.len() == 1));
    assert_eq!(service.store.round_trips()[0], 2, "the first caller's read, and one for those who came meanwhile");
}

#[tokio::test]
async fn members_are_counted_once_for_all_who_wait_for_it() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    service.store.round_trips();
    let scopes = [Scope::default(), Scope { tenant: Some(7.into()), ..Scope::default() }];
    let keys: Vec<_> = scopes.iter().map(|scope| scope.key(true)).collect();
    let counts = join_all((0..20).map(|number| service.presence.counts(&keys[number % 2]))).await;
    let online: Vec<_> = counts.into_iter().map(|counts| counts.unwrap().online).collect();
    assert_eq!(online, [1, 0].repeat(10));
    assert_eq!(service.store.round_trips()[0], 4, "of each scope the first caller's read, and one for all others");
}

#[tokio::test]
async fn roster_page_is_not_older_than_its_call() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    service.store.fail(&[Fault::HeldLoad]);
    let late = async {
        service.store.is_held.notified().await;
        service.apply(offline()).await;
        let release = async {
            // The call waits by now.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            service.store.go_on.notify_one();
        };
        tokio::join!(service.presence.roster(page()), release).0
    };
    let (early, late) = tokio::join!(service.presence.roster(page()), late);
    let members = [early, late].map(|read| read.unwrap().members.len());
    assert_eq!(members, [1, 0], "the page was being read when the user went offline");
}

#[tokio::test]
async fn callers_who_wait_for_the_next_read_of_a_page_get_it_after_a_panic() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    service.store.fail(&[Fault::PanicInLoad]);
    let pages = join_all((0..20).map(|_| service.presence.roster(page())));
    let pages = tokio::time::timeout(Duration::from_secs(20), pages).await.unwrap();
    assert_eq!(pages.iter().filter(|page| page.is_err()).count(), 1, "the read of the first caller panicked");
}

#[tokio::test]
async fn answer_without_a_record_is_an_error_and_not_that_of_another_user() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    let query = || UserQuery { scope: Scope::default().key(true), users: vec![2.into(), 1.into()] };
    service.store.fail(&[Fault::LostRecord]);
    let error = service.presence.many(query()).await.unwrap_err();
    assert!(error.reason().contains("1 records for 2 users"), "{}", error.reason());
    assert_eq!(service.presence.many(query()).await.unwrap().iter().count(), 2);
}

#[tokio::test]
async fn sweep_goes_on_after_a_panic() {
    let service = Service::start(StoreHarness::array());
    service.apply(beat(true)).await;
    let sweeper = ExpirySweeper { context: service.context.clone(), keep_changes: Span::from_secs(60) };
    service.store.fail(&[Fault::PanicInClaim]);
    let supervisor = Supervisor::new(Arc::new(Registry::new()));
    let stop = supervisor.stop().clone();
    supervisor.spawn("sweep", move || sweeper.clone().run(Duration::from_millis(1), stop.clone()));
    let end = Instant::now() + Duration::from_secs(2);
    while !service.store.faults.lock().unwrap().is_empty() || !supervisor.is_healthy() {
        assert!(Instant::now() < end, "the sweep does not run");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Two more steps.
    service.store.fail(&[Fault::PanicInClaim]);
    while !service.store.faults.lock().unwrap().is_empty() {
        assert!(Instant::now() < end, "the sweep does not run again");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
