//! One contract, run against every queue.

mod tx;

use std::sync::Arc;
use std::time::Duration;

use presence_sidecar::presence::store::own_prefixes;
use presence_sidecar::queue::redis::keys;
use presence_sidecar::queue::{
    Attempts, Disposition, Job, JobInfo, JobState, MemoryQueue, NewJob, Queue, RedisQueue, RunLimit, SqlQueue,
};
use presence_sidecar::storage::redis::RedisServers;

use crate::presence::Story;
use crate::storage::migrated;
use crate::support::{Engine, RedisServer, TestDatabase, is_skipped};

const LEASE: Duration = Duration::from_secs(60);
const Q: &str = "app";

struct Harness {
    queue: Arc<dyn Queue>,
    _database: Option<TestDatabase>,
}

impl Harness {
    fn new(queue: impl Queue + 'static) -> Self {
        Self { queue: Arc::new(queue), _database: None }
    }

    async fn on(engine: Engine) -> Self {
        let test = TestDatabase::create(engine);
        let (database, names) = migrated(&test).await;
        Self { queue: Arc::new(SqlQueue::new(database, &names)), _database: Some(test) }
    }

    async fn push(&self, lane: &str, id: &str) {
        self.push_delayed(lane, id, Duration::ZERO).await;
    }

    async fn push_delayed(&self, lane: &str, id: &str, delay: Duration) {
        let payload = format!("payload of {id}\nin two lines");
        self.queue.push(Q, &[NewJob { id, lane, payload: payload.as_bytes(), delay }]).await.unwrap();
    }

    async fn claim_for(&self, lease: Duration) -> Vec<Job> {
        self.queue.claim(Q, 100, lease).await.unwrap()
    }

    async fn claim(&self) -> Vec<Job> {
        self.claim_for(LEASE).await
    }

    async fn claim_runs(&self, run: RunLimit) -> Vec<Job> {
        self.queue.claim_runs(Q, 100, run, LEASE).await.unwrap()
    }

    /// Claims until a job is handed out.
    async fn claim_soon(&self) -> Vec<Job> {
        for _ in 0..10_000 {
            let jobs = self.claim().await;
            if !jobs.is_empty() {
                return jobs;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no job was handed out");
    }

    async fn settle(&self, job: Job, verdict: Disposition) -> bool {
        self.queue.settle(Q, &[job.into_settlement(verdict)]).await.unwrap()[0]
    }

    async fn list(&self, state: JobState) -> Vec<JobInfo> {
        self.queue.list(Q, state, None, 100).await.unwrap()
    }

    async fn counts(&self) -> (u64, u64) {
        let depth = self.queue.stats(Q).await.unwrap();
        (depth.pending, depth.dead)
    }
}

/// Queues in Redis whose lanes are divided into shards.
fn redis_queue(servers: &RedisServers, prefix: &str, shards: usize) -> RedisQueue {
    RedisQueue::new(servers, Duration::from_secs(5), own_prefixes(prefix, shards)).unwrap()
}

fn ids(jobs: &[Job]) -> Vec<&str> {
    let mut ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

fn attempts(count: u32, last: &str) -> Attempts {
    Attempts { count, last: last.to_owned() }
}

/// The ids of the claimed jobs of a lane, in their order.
fn run<'a>(jobs: &'a [Job], lane: &str) -> Vec<&'a str> {
    jobs.iter().filter(|job| job.lane == lane).map(|job| job.id.as_str()).collect()
}

/// Runs each test against the queue in memory, a real Redis, and a database of each engine.
macro_rules! queue_contract {
    ($($name:ident($harness:ident) $test:block)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let $harness = Harness::new(MemoryQueue::new());
                $test
            })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test] async fn $name() {
                require!("redis-server");
                let server = RedisServer::start();
                let $harness = Harness::new(redis_queue(&server.info().into(), "app", 1));
                $test
            })*
        }
        pub mod redis_servers {
            use super::*;

            /// The tests on these servers, each with keys of its own.
            pub fn stories(servers: &RedisServers, shards: usize) -> Vec<Story<'_>> {
                vec![$(Box::pin(async move {
                    let $harness = Harness::new(redis_queue(servers, concat!(stringify!($name), "-"), shards));
                    $test
                })),*]
            }
        }
        queue_contract!(sqlite, Engine::Sqlite, $($name($harness) $test)*);
        queue_contract!(mariadb, Engine::MariaDb, $($name($harness) $test)*);
        queue_contract!(postgres, Engine::Postgres, $($name($harness) $test)*);
    };
    ($module:ident, $engine:expr, $($name:ident($harness:ident) $test:block)*) => {
        mod $module {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                if $engine.server().is_some_and(is_skipped) {
                    return;
                }
                let $harness = Harness::on($engine).await;
                $test
            })*
        }
    };
}

queue_contract! {
    lane_is_fifo_with_one_claimed_job(harness) {
        for (lane, id) in [("a", "1"), ("a", "2"), ("b", "3")] {
            harness.push(lane, id).await;
        }
        let mut jobs = harness.claim().await;
        assert_eq!(ids(&jobs), ["1", "3"]);
        assert_eq!(harness.claim().await, []);
        jobs.sort_by(|left, right| left.id.cmp(&right.id));
        assert_eq!(jobs[0].payload, b"payload of 1\nin two lines");
        assert_eq!((jobs[0].lane.as_str(), &jobs[0].attempts), ("a", &Attempts::default()));
        assert!(harness.settle(jobs.remove(0), Disposition::Done).await);
        assert_eq!(ids(&harness.claim().await), ["2"]);
        assert_eq!(harness.counts().await, (2, 0));
    }

    claim_respects_its_limit(harness) {
        for id in ["1", "2", "3"] {
            harness.push(id, id).await;
        }
        assert_eq!(harness.queue.claim(Q, 2, LEASE).await.unwrap().len(), 2);
        assert_eq!(harness.claim().await.len(), 1);
    }

    run_of_a_lane_is_claimed_and_settled_in_its_order(harness) {
        for (lane, id) in [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("a", "5")] {
            harness.push(lane, id).await;
        }
        let jobs = harness.claim_runs(RunLimit { jobs: 3, bytes: 1 << 20 }).await;
        assert_eq!((run(&jobs, "a"), run(&jobs, "b")), (vec!["1", "3", "4"], vec!["2"]));
        assert_eq!(jobs.iter().find(|job| job.id == "4").unwrap().payload, b"payload of 4\nin two lines");
        assert_eq!(harness.claim().await, []);
        let (a, b): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.lane == "a");
        let [first, second, third] = a.try_into().unwrap();
        let settlements = [
            first.into_settlement(Disposition::Done),
            b.into_iter().next().unwrap().into_settlement(Disposition::Done),
            second.into_settlement(Disposition::Dead(attempts(1, "gone"))),
            third.clone().into_settlement(Disposition::Retry(LEASE, attempts(1, "no answer"))),
            third.into_settlement(Disposition::Done),
        ];
        assert_eq!(harness.queue.settle(Q, &settlements).await.unwrap(), [true, true, true, true, false]);
        assert_eq!((harness.claim().await, harness.counts().await), (vec![], (2, 1)));
    }

    run_that_is_settled_in_part_is_handed_out_from_there_on(harness) {
        for id in ["1", "2", "3"] {
            harness.push("a", id).await;
        }
        let mut jobs = harness.claim_runs(RunLimit { jobs: 10, bytes: 1 << 20 }).await;
        assert_eq!(ids(&jobs), ["1", "2", "3"]);
        let late = jobs.remove(2).into_settlement(Disposition::Done);
        assert!(harness.settle(jobs.remove(0), Disposition::Done).await);
        assert_eq!(harness.queue.settle(Q, &[late]).await.unwrap(), [false], "it is not the head");
        assert_eq!(ids(&harness.claim_runs(RunLimit { jobs: 10, bytes: 1 << 20 }).await), ["2", "3"]);
    }

    run_ends_at_its_bytes_and_at_a_job_that_is_held(harness) {
        for lane in ["a", "b"] {
            harness.push(lane, &format!("{lane}1")).await;
            harness.push(lane, &format!("{lane}2")).await;
        }
        harness.push_delayed("b", "b3", LEASE).await;
        harness.push("b", "b4").await;
        let heads = harness.claim_runs(RunLimit { jobs: 9, bytes: 1 }).await;
        assert_eq!((run(&heads, "a"), run(&heads, "b")), (vec!["a1"], vec!["b1"]), "the heads, whatever their size");
        for head in heads {
            harness.settle(head, Disposition::Retry(Duration::ZERO, Attempts::default())).await;
        }
        let jobs = harness.claim_runs(RunLimit { jobs: 9, bytes: 1 << 20 }).await;
        assert_eq!((run(&jobs, "a"), run(&jobs, "b")), (vec!["a1", "a2"], vec!["b1", "b2"]));
    }

    lanes_are_idle_without_pending_jobs(harness) {
        let are_idle = async || harness.queue.are_idle(Q, &["a", "b"]).await.unwrap();
        assert_eq!(are_idle().await, [true, true]);
        harness.push("b", "1").await;
        assert_eq!(are_idle().await, [true, false]);
        let job = harness.claim().await.remove(0);
        assert_eq!(are_idle().await, [true, false], "a claimed job is pending");
        harness.settle(job, Disposition::Done).await;
        assert_eq!(are_idle().await, [true, true]);
    }

    expired_lease_hands_the_job_to_the_next_worker(harness) {
        harness.push("a", "1").await;
        let lost = harness.claim_for(Duration::from_millis(1)).await.remove(0);
        let again = harness.claim_soon().await.remove(0);
        assert_eq!(again.id, "1");
        assert!(!harness.settle(lost, Disposition::Done).await, "its lease has expired");
        assert!(harness.settle(again, Disposition::Done).await);
        assert_eq!(harness.counts().await, (0, 0));
    }

    retry_delays_its_lane_alone_and_keeps_its_attempts(harness) {
        for (lane, id) in [("a", "1"), ("a", "2"), ("b", "3")] {
            harness.push(lane, id).await;
        }
        for job in harness.claim().await {
            let verdict = match job.lane.as_str() {
                "a" => Disposition::Retry(LEASE, attempts(1, "HTTP 500")),
                _ => Disposition::Done,
            };
            harness.settle(job, verdict).await;
        }
        harness.push("b", "4").await;
        assert_eq!(ids(&harness.claim().await), ["4"]);
        let waiting = harness.list(JobState::Pending).await;
        let first = waiting.iter().find(|job| job.id == "1").unwrap();
        assert_eq!(first.attempts, attempts(1, "HTTP 500"));
        assert!(first.next_at.unwrap() > first.pushed_at);
        assert_eq!(waiting.iter().find(|job| job.id == "2").unwrap().next_at, None);
    }

    retry_is_handed_out_when_due_with_its_attempts(harness) {
        harness.push("a", "1").await;
        let job = harness.claim().await.remove(0);
        harness.settle(job, Disposition::Retry(Duration::from_millis(5), attempts(3, "no answer"))).await;
        let job = harness.claim_soon().await.remove(0);
        assert_eq!(job.attempts, attempts(3, "no answer"));
        assert!(job.age >= Duration::from_millis(5));
    }

    delayed_job_is_not_handed_out_early(harness) {
        harness.push("a", "1").await;
        harness.push_delayed("a", "2", LEASE).await;
        let job = harness.claim().await.remove(0);
        assert_eq!(job.id, "1");
        harness.push_delayed("b", "3", Duration::from_millis(20)).await;
        harness.settle(job, Disposition::Done).await;
        assert_eq!(ids(&harness.claim_soon().await), ["3"]);
        assert_eq!(harness.claim().await, []);
    }

    push_ignores_the_id_of_a_pending_job(harness) {
        harness.push("a", "1").await;
        harness.push("a", "1").await;
        assert_eq!(harness.counts().await, (1, 0));
        assert_eq!(harness.claim().await[0].lane, "a");
    }

    dead_letter_stays_out_of_its_lane_until_replayed(harness) {
        for id in ["1", "2"] {
            harness.push("a", id).await;
        }
        let job = harness.claim().await.remove(0);
        harness.settle(job, Disposition::Dead(attempts(9, "HTTP 404"))).await;
        assert_eq!(harness.counts().await, (1, 1));
        let dead = harness.list(JobState::Dead).await;
        assert_eq!((dead[0].id.as_str(), &dead[0].attempts, dead[0].next_at), ("1", &attempts(9, "HTTP 404"), None));
        let wanted = ["1", "2", "unknown"].map(str::to_owned);
        assert_eq!(harness.queue.replay(Q, &wanted).await.unwrap(), 1);
        assert_eq!(harness.counts().await, (2, 0));
        let second = harness.claim().await.remove(0);
        assert_eq!(second.id, "2");
        harness.settle(second, Disposition::Done).await;
        let first = harness.claim().await.remove(0);
        assert_eq!((first.id.as_str(), first.attempts), ("1", Attempts::default()));
        assert_eq!(first.payload, b"payload of 1\nin two lines");
    }

    push_replaces_a_dead_letter_with_the_same_id(harness) {
        harness.push("a", "1").await;
        let job = harness.claim().await.remove(0);
        harness.settle(job, Disposition::Dead(attempts(9, "HTTP 404"))).await;
        harness.push("a", "2").await;
        let second = harness.claim().await.remove(0);
        let job = |id, payload| NewJob { id, lane: "a", payload, delay: Duration::ZERO };
        harness.queue.push(Q, &[job("1", b"the new payload"), job("2", b"another payload")]).await.unwrap();
        assert_eq!((harness.counts().await, harness.list(JobState::Dead).await), ((2, 0), vec![]));
        assert!(harness.settle(second, Disposition::Done).await, "the pushed job does not overtake the claimed one");
        let again = harness.claim().await.remove(0);
        assert_eq!((again.payload.as_slice(), &again.attempts), (&b"the new payload"[..], &Attempts::default()));
        assert!(harness.settle(again, Disposition::Done).await);
        assert_eq!(harness.counts().await, (0, 0));
    }

    purge_removes_old_dead_letters(harness) {
        harness.push("a", "1").await;
        let job = harness.claim().await.remove(0);
        harness.settle(job, Disposition::Dead(attempts(1, "gone"))).await;
        let dead = harness.list(JobState::Dead).await.remove(0);
        assert!(dead.cursor.at >= dead.pushed_at, "the time is that of its death, not of its push");
        harness.queue.purge(Q, LEASE).await.unwrap();
        assert_eq!(harness.counts().await, (0, 1));
        harness.queue.purge(Q, Duration::ZERO).await.unwrap();
        assert_eq!(harness.counts().await, (0, 0));
        assert_eq!(harness.queue.replay(Q, &["1".to_owned()]).await.unwrap(), 0);
    }

    list_continues_behind_a_job_that_was_removed(harness) {
        for number in 0..25 {
            harness.push(&number.to_string(), &format!("{number:02}")).await;
        }
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let page = harness.queue.list(Q, JobState::Pending, last.as_ref(), 10).await.unwrap();
            let Some(end) = page.last().cloned() else { break };
            if all.is_empty() {
                let mut jobs = harness.claim().await;
                jobs.retain(|job| job.id == end.id);
                harness.settle(jobs.remove(0), Disposition::Done).await;
            }
            all.extend(page.into_iter().map(|job| job.id));
            last = Some(end.cursor);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 25);
    }

    erased_lane_loses_its_jobs_and_no_other_does(harness) {
        for (lane, id) in [("a", "dead"), ("b", "dead of b"), ("a", "claimed"), ("a", "waits"), ("b", "1")] {
            harness.push(lane, id).await;
            if id.starts_with("dead") {
                let job = harness.claim().await.remove(0);
                assert!(harness.settle(job, Disposition::Dead(attempts(1, "x"))).await);
            }
        }
        harness.queue.push("other", &[NewJob { id: "1", lane: "a", payload: b"", delay: Duration::ZERO }]).await.unwrap();
        let mut claimed = harness.claim().await;
        claimed.retain(|job| job.lane == "a");
        assert_eq!(harness.queue.erase_lane(Q, "a").await.unwrap(), 3);
        assert!(!harness.settle(claimed.remove(0), Disposition::Done).await, "it has no effect");
        assert_eq!(harness.counts().await, (1, 1));
        assert_eq!(harness.list(JobState::Dead).await[0].id, "dead of b");
        assert_eq!(harness.queue.stats("other").await.unwrap().pending, 1);
        assert_eq!(harness.queue.erase_lane(Q, "a").await.unwrap(), 0);
        harness.push("a", "dead").await;
        assert_eq!(ids(&harness.claim_soon().await), ["dead"]);
    }

    queues_are_independent(harness) {
        harness.push("a", "1").await;
        assert_eq!(harness.queue.claim("other", 1, LEASE).await.unwrap(), []);
        assert_eq!(harness.queue.stats("other").await.unwrap().pending, 0);
    }

    stats_contain_the_age_of_the_oldest_job(harness) {
        assert_eq!(harness.queue.stats(Q).await.unwrap().oldest, Duration::ZERO);
        harness.push("a", "1").await;
        while harness.queue.stats(Q).await.unwrap().oldest < Duration::from_millis(3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    concurrent_workers_process_each_job_once_and_in_order(harness) {
        for number in 0..200 {
            harness.push(&(number % 20).to_string(), &format!("{number:03}")).await;
        }
        let done = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (queue, done) = (harness.queue.clone(), done.clone());
            workers.spawn(async move {
                loop {
                    let jobs = queue.claim(Q, 3, LEASE).await.unwrap();
                    if jobs.is_empty() && queue.stats(Q).await.unwrap().pending == 0 {
                        return;
                    }
                    for job in jobs {
                        done.lock().unwrap().push((job.lane.clone(), job.id.clone()));
                        assert_eq!(queue.settle(Q, &[job.into_settlement(Disposition::Done)]).await.unwrap(), [true]);
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        workers.join_all().await;
        let mut done = done.lock().unwrap().clone();
        assert_eq!(done.len(), 200);
        done.sort_by(|left, right| left.0.cmp(&right.0));
        assert!(done.is_sorted());
    }
}

#[tokio::test]
async fn thousands_of_lanes_of_redis_are_claimed_and_settled_at_once() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = Harness::new(redis_queue(&server.info().into(), "app", 1));
    let ids: Vec<String> = (0..2_100).map(|number| format!("{number:04}")).collect();
    for ids in ids.chunks(700) {
        let jobs = ids.iter().map(|id| NewJob { id, lane: id, payload: b"x", delay: Duration::ZERO });
        harness.queue.push(Q, &jobs.collect::<Vec<_>>()).await.unwrap();
    }
    let jobs = harness.queue.claim(Q, 5_000, LEASE).await.unwrap();
    assert_eq!((jobs.len(), harness.claim().await.len()), (2_100, 0));
    let settlements: Vec<_> = jobs.into_iter().map(|job| job.into_settlement(Disposition::Done)).collect();
    assert!(harness.queue.settle(Q, &settlements).await.unwrap().into_iter().all(|is_held| is_held));
    assert_eq!(harness.counts().await, (0, 0));
    assert_eq!(harness.queue.are_idle(Q, &["0000", "2099"]).await.unwrap(), [true, true]);
}

#[tokio::test]
async fn delivery_takes_few_commands_of_redis() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = Harness::new(redis_queue(&server.info().into(), "app", 1));
    harness.push("warm", "up").await;
    let first = harness.claim().await.remove(0);
    assert!(harness.settle(first, Disposition::Done).await);
    let commands = || -> usize {
        let stats = server.cli(&["INFO", "stats"]);
        let count = stats.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        count.unwrap().trim().parse().unwrap()
    };
    let before = commands();
    let ids: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let jobs = ids.iter().map(|id| NewJob { id, lane: id, payload: b"x", delay: Duration::ZERO });
    harness.queue.push(Q, &jobs.collect::<Vec<_>>()).await.unwrap();
    let settlements: Vec<_> =
        harness.claim().await.into_iter().map(|job| job.into_settlement(Disposition::Done)).collect();
    assert_eq!(harness.queue.settle(Q, &settlements).await.unwrap(), [true; 100]);
    let each = (commands() - before) / 100;
    assert!(each <= 6, "{each} commands for each job");
}

#[tokio::test]
async fn unreadable_job_becomes_a_dead_letter_alone() {
    require!("redis-server");
    let server = RedisServer::start();
    let queue = redis_queue(&server.info().into(), "app", 1);
    let harness = Harness::new(queue);
    for id in ["1", "2", "3"] {
        harness.push(id, id).await;
    }
    let jobs = format!("{}jobs", keys("app{presence}:", Q));
    server.cli(&["HSET", &jobs, "2", "nonsense"]);
    server.cli(&["HDEL", &jobs, "3"]);
    assert_eq!(ids(&harness.claim().await), ["1"]);
    assert_eq!(harness.counts().await, (1, 2));
    assert_eq!(harness.list(JobState::Dead).await[0].attempts.last, "the job cannot be read");
}
