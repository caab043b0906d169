//! The same stories through every queue.

mod within;

use std::sync::Arc;
use std::time::Duration;

use presence_sidecar::queue::redis::keys;
use presence_sidecar::queue::{
    Attempts, Disposition, Job, JobInfo, JobState, MemoryQueue, NewJob, Queue, RedisQueue, SqlQueue,
};

use crate::storage::migrated;
use crate::support::{Engine, RedisServer, TestDatabase};

const LEASE: Duration = Duration::from_secs(60);
const Q: &str = "app";

struct Teller {
    queue: Arc<dyn Queue>,
    _database: Option<TestDatabase>,
}

impl Teller {
    fn new(queue: impl Queue + 'static) -> Self {
        Self { queue: Arc::new(queue), _database: None }
    }

    async fn on(engine: Engine) -> Self {
        let test = TestDatabase::create(engine);
        let (database, names) = migrated(&test).await;
        Self { queue: Arc::new(SqlQueue::new(database, &names)), _database: Some(test) }
    }

    async fn push(&self, lane: &str, id: &str) {
        self.push_later(lane, id, Duration::ZERO).await;
    }

    async fn push_later(&self, lane: &str, id: &str, delay: Duration) {
        let payload = format!("what {id} is about\nin two lines");
        self.queue.push(Q, &[NewJob { id, lane, payload: payload.as_bytes(), delay }]).await.unwrap();
    }

    async fn claim_for(&self, lease: Duration) -> Vec<Job> {
        self.queue.claim(Q, 100, lease).await.unwrap()
    }

    async fn claim(&self) -> Vec<Job> {
        self.claim_for(LEASE).await
    }

    /// Claims until something is handed out.
    async fn claim_soon(&self) -> Vec<Job> {
        for _ in 0..10_000 {
            let jobs = self.claim().await;
            if !jobs.is_empty() {
                return jobs;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("nothing was handed out");
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

fn ids(jobs: &[Job]) -> Vec<&str> {
    let mut ids: Vec<_> = jobs.iter().map(|job| job.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

fn tries(count: u32, last: &str) -> Attempts {
    Attempts { count, last: last.to_owned() }
}

/// Tells a story to the queue in memory, to a real Redis, and to a database of each engine.
macro_rules! stories {
    ($($name:ident($teller:ident) $story:block)*) => {
        mod memory {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let $teller = Teller::new(MemoryQueue::new());
                $story
            })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let server = RedisServer::start();
                let queue = RedisQueue::new(server.info(), Duration::from_secs(5), "app{presence}:".to_owned());
                let $teller = Teller::new(queue.unwrap());
                $story
            })*
        }
        stories!(sqlite, Engine::Sqlite, $($name($teller) $story)*);
        stories!(mariadb, Engine::MariaDb, $($name($teller) $story)*);
        stories!(postgres, Engine::Postgres, $($name($teller) $story)*);
    };
    ($module:ident, $engine:expr, $($name:ident($teller:ident) $story:block)*) => {
        mod $module {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let $teller = Teller::on($engine).await;
                $story
            })*
        }
    };
}

stories! {
    a_lane_is_first_in_first_out_with_one_job_in_hand(teller) {
        for (lane, id) in [("a", "1"), ("a", "2"), ("b", "3")] {
            teller.push(lane, id).await;
        }
        let mut jobs = teller.claim().await;
        assert_eq!(ids(&jobs), ["1", "3"]);
        assert_eq!(teller.claim().await, []);
        jobs.sort_by(|left, right| left.id.cmp(&right.id));
        assert_eq!(jobs[0].payload, b"what 1 is about\nin two lines");
        assert_eq!((jobs[0].lane.as_str(), &jobs[0].attempts), ("a", &Attempts::default()));
        assert!(teller.settle(jobs.remove(0), Disposition::Done).await);
        assert_eq!(ids(&teller.claim().await), ["2"]);
        assert_eq!(teller.counts().await, (2, 0));
    }

    a_claim_takes_no_more_than_it_may(teller) {
        for id in ["1", "2", "3"] {
            teller.push(id, id).await;
        }
        assert_eq!(teller.queue.claim(Q, 2, LEASE).await.unwrap().len(), 2);
        assert_eq!(teller.claim().await.len(), 1);
    }

    a_worker_that_dies_loses_its_job_to_the_next(teller) {
        teller.push("a", "1").await;
        let lost = teller.claim_for(Duration::from_millis(1)).await.remove(0);
        let again = teller.claim_soon().await.remove(0);
        assert_eq!(again.id, "1");
        assert!(!teller.settle(lost, Disposition::Done).await, "its lease has ended");
        assert!(teller.settle(again, Disposition::Done).await);
        assert_eq!(teller.counts().await, (0, 0));
    }

    a_retry_holds_up_its_lane_alone_and_is_remembered(teller) {
        for (lane, id) in [("a", "1"), ("a", "2"), ("b", "3")] {
            teller.push(lane, id).await;
        }
        for job in teller.claim().await {
            let verdict = match job.lane.as_str() {
                "a" => Disposition::Retry(LEASE, tries(1, "HTTP 500")),
                _ => Disposition::Done,
            };
            teller.settle(job, verdict).await;
        }
        teller.push("b", "4").await;
        assert_eq!(ids(&teller.claim().await), ["4"]);
        let waiting = teller.list(JobState::Pending).await;
        let first = waiting.iter().find(|job| job.id == "1").unwrap();
        assert_eq!(first.attempts, tries(1, "HTTP 500"));
        assert!(first.next_at.unwrap() > first.pushed_at);
        assert_eq!(waiting.iter().find(|job| job.id == "2").unwrap().next_at, None);
    }

    a_retry_comes_when_it_is_due_with_what_is_known_of_it(teller) {
        teller.push("a", "1").await;
        let job = teller.claim().await.remove(0);
        teller.settle(job, Disposition::Retry(Duration::from_millis(5), tries(3, "no answer"))).await;
        let job = teller.claim_soon().await.remove(0);
        assert_eq!(job.attempts, tries(3, "no answer"));
        assert!(job.age >= Duration::from_millis(5));
    }

    a_job_is_not_handed_out_before_its_time(teller) {
        teller.push("a", "1").await;
        teller.push_later("a", "2", LEASE).await;
        let job = teller.claim().await.remove(0);
        assert_eq!(job.id, "1");
        teller.push_later("b", "3", Duration::from_millis(20)).await;
        teller.settle(job, Disposition::Done).await;
        assert_eq!(ids(&teller.claim_soon().await), ["3"]);
        assert_eq!(teller.claim().await, []);
    }

    an_id_is_in_the_queue_once(teller) {
        teller.push("a", "1").await;
        teller.push("b", "1").await;
        assert_eq!(teller.counts().await, (1, 0));
        assert_eq!(teller.claim().await[0].lane, "a");
    }

    the_dead_lie_apart_until_they_are_replayed(teller) {
        for id in ["1", "2"] {
            teller.push("a", id).await;
        }
        let job = teller.claim().await.remove(0);
        teller.settle(job, Disposition::Dead(tries(9, "HTTP 404"))).await;
        assert_eq!(teller.counts().await, (1, 1));
        let dead = teller.list(JobState::Dead).await;
        assert_eq!((dead[0].id.as_str(), &dead[0].attempts, dead[0].next_at), ("1", &tries(9, "HTTP 404"), None));
        let wanted = ["1", "2", "unheard of"].map(str::to_owned);
        assert_eq!(teller.queue.replay(Q, &wanted).await.unwrap(), 1);
        assert_eq!(teller.counts().await, (2, 0));
        let second = teller.claim().await.remove(0);
        assert_eq!(second.id, "2");
        teller.settle(second, Disposition::Done).await;
        let first = teller.claim().await.remove(0);
        assert_eq!((first.id.as_str(), first.attempts), ("1", Attempts::default()));
        assert_eq!(first.payload, b"what 1 is about\nin two lines");
    }

    a_dead_letter_that_is_pushed_again_comes_back_as_it_is_pushed_now(teller) {
        teller.push("a", "1").await;
        let job = teller.claim().await.remove(0);
        teller.settle(job, Disposition::Dead(tries(9, "HTTP 404"))).await;
        teller.push("a", "2").await;
        let second = teller.claim().await.remove(0);
        let job = |id, payload| NewJob { id, lane: "a", payload, delay: Duration::ZERO };
        teller.queue.push(Q, &[job("1", b"as it is now"), job("2", b"still to be done")]).await.unwrap();
        assert_eq!((teller.counts().await, teller.list(JobState::Dead).await), ((2, 0), vec![]));
        assert!(teller.settle(second, Disposition::Done).await, "it does not push itself to the front");
        let again = teller.claim().await.remove(0);
        assert_eq!((again.payload.as_slice(), &again.attempts), (&b"as it is now"[..], &Attempts::default()));
        assert!(teller.settle(again, Disposition::Done).await);
        assert_eq!(teller.counts().await, (0, 0));
    }

    old_dead_letters_are_purged(teller) {
        teller.push("a", "1").await;
        let job = teller.claim().await.remove(0);
        teller.settle(job, Disposition::Dead(tries(1, "gone"))).await;
        let dead = teller.list(JobState::Dead).await.remove(0);
        assert!(dead.cursor.at >= dead.pushed_at, "it is dead since it died, not since it was pushed");
        teller.queue.purge(Q, LEASE).await.unwrap();
        assert_eq!(teller.counts().await, (0, 1));
        teller.queue.purge(Q, Duration::ZERO).await.unwrap();
        assert_eq!(teller.counts().await, (0, 0));
        assert_eq!(teller.queue.replay(Q, &["1".to_owned()]).await.unwrap(), 0);
    }

    a_list_goes_on_where_it_ended_also_behind_what_is_gone(teller) {
        for number in 0..25 {
            teller.push(&number.to_string(), &format!("{number:02}")).await;
        }
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let page = teller.queue.list(Q, JobState::Pending, last.as_ref(), 10).await.unwrap();
            let Some(end) = page.last().cloned() else { break };
            if all.is_empty() {
                let mut jobs = teller.claim().await;
                jobs.retain(|job| job.id == end.id);
                teller.settle(jobs.remove(0), Disposition::Done).await;
            }
            all.extend(page.into_iter().map(|job| job.id));
            last = Some(end.cursor);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 25);
    }

    queues_keep_apart(teller) {
        teller.push("a", "1").await;
        assert_eq!(teller.queue.claim("other", 1, LEASE).await.unwrap(), []);
        assert_eq!(teller.queue.stats("other").await.unwrap().pending, 0);
    }

    the_depth_tells_how_long_the_oldest_has_waited(teller) {
        assert_eq!(teller.queue.stats(Q).await.unwrap().oldest, Duration::ZERO);
        teller.push("a", "1").await;
        while teller.queue.stats(Q).await.unwrap().oldest < Duration::from_millis(3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    racing_workers_do_each_job_once_and_in_order(teller) {
        for number in 0..200 {
            teller.push(&(number % 20).to_string(), &format!("{number:03}")).await;
        }
        let done = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (queue, done) = (teller.queue.clone(), done.clone());
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
async fn a_job_nobody_can_read_goes_to_the_dead_letters_alone() {
    let server = RedisServer::start();
    let queue = RedisQueue::new(server.info(), Duration::from_secs(5), "app{presence}:".to_owned()).unwrap();
    let teller = Teller::new(queue);
    for id in ["1", "2", "3"] {
        teller.push(id, id).await;
    }
    let jobs = format!("{}jobs", keys("app{presence}:", Q));
    server.cli(&["HSET", &jobs, "2", "nonsense"]);
    server.cli(&["HDEL", &jobs, "3"]);
    assert_eq!(ids(&teller.claim().await), ["1"]);
    assert_eq!(teller.counts().await, (1, 2));
    assert_eq!(teller.list(JobState::Dead).await[0].attempts.last, "the job cannot be read");
}
