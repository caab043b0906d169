//! `presence-sidecar reshard`: everything is there after it, wherever it is killed.

use std::collections::BTreeMap;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use presence_sidecar::presence::domain::{Event, Outbox, OutboxQueue, Status};
use presence_sidecar::presence::store::{ChangeCursor, Changes, PageLimit, own_prefixes};
use presence_sidecar::queue::{Attempts, Disposition, JobInfo, JobState};
use redis::Commands;

use super::{assert_all_beat, on_cluster};
use crate::presence::harness::{PREFIX, START, StoreHarness, after, beat, offline, subject};
use crate::support::{Process, RedisCluster, RedisServer, Sidecar, on_redis};

pub(super) const USERS: i64 = 3_000;

/// The mark that keys are being moved.
pub(super) fn mark(server: &RedisServer) -> String {
    let key = format!("{}moving", own_prefixes(PREFIX, 1)[0]);
    server.connect(0).get::<_, Option<String>>(key).unwrap().unwrap_or_default()
}

pub(super) fn command(environment: &[(&str, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.arg("reshard").args(arguments).env_clear().envs(environment.iter().map(|(name, value)| (*name, value)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(super) fn run(environment: &[(&str, String)], arguments: &[&str]) -> Output {
    command(environment, arguments).output().unwrap()
}

pub(super) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(super) fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", text(output));
}

fn outbox() -> Outbox {
    let events = vec![Event::Online, Event::Away, Event::Offline];
    let queue = OutboxQueue { name: "app".to_owned(), events, debounce: Duration::ZERO };
    Outbox { queues: vec![queue], ..Outbox::default() }
}

pub(super) fn harness(server: &RedisServer, shards: usize) -> StoreHarness {
    StoreHarness::on_servers(server.info().into(), PREFIX, (1, shards), outbox())
}

/// Ends the registrations of the stores of this test, which would count as sidecars for half a minute.
pub(super) fn leave(server: &RedisServer) {
    let _: () = server.connect(0).del(format!("{}running", own_prefixes(PREFIX, 1)[0])).unwrap();
}

/// Users who are online, away and offline, and jobs that wait, were tried, and are dead.
pub(super) async fn fill(harness: &StoreHarness) {
    for (users, input, second) in [
        (1..=USERS, beat(true), 0),
        (1..=USERS / 3, beat(false), 10),
        (1..=USERS / 10, beat(true), 20),
        (1..=USERS / 30, offline(), 30),
    ] {
        for users in users.collect::<Vec<_>>().chunks(500) {
            let subjects: Vec<_> = users.iter().map(|user| subject(*user)).collect();
            let prepared = subjects.iter().map(|subject| harness.prepare(subject, input.clone(), after(second)));
            let commits = join_all(prepared).await;
            harness.store.commit(&commits, after(second)).await.unwrap();
        }
    }
    let jobs = harness.queue.claim("app", 60, Duration::from_millis(1)).await.unwrap();
    let settlements: Vec<_> = jobs
        .into_iter()
        .enumerate()
        .map(|(number, job)| {
            let attempts = Attempts { count: 2, last: "HTTP 500".to_owned() };
            job.into_settlement(match number % 2 {
                0 => Disposition::Dead(attempts),
                _ => Disposition::Retry(Duration::from_secs(3_600), attempts),
            })
        })
        .collect();
    harness.queue.settle("app", &settlements).await.unwrap();
}

/// All that is stored.
#[derive(Debug, PartialEq)]
pub(super) struct Contents {
    users: Vec<String>,
    due: BTreeMap<String, String>,
    rosters: Vec<Vec<String>>,
    changes: BTreeMap<String, Vec<u64>>,
    histories: Vec<Vec<u64>>,
    jobs: BTreeMap<String, String>,
    dead: BTreeMap<String, String>,
}

fn described(jobs: Vec<JobInfo>) -> BTreeMap<String, String> {
    let describe = |JobInfo { id, lane, payload, pushed_at, next_at, attempts, .. }: JobInfo| {
        (id, format!("{lane} {} {pushed_at} {next_at:?} {attempts:?}", String::from_utf8_lossy(&payload)))
    };
    jobs.into_iter().map(describe).collect()
}

pub(super) async fn contents(server: &RedisServer, shards: usize) -> Contents {
    let harness = harness(server, shards);
    let (scope, keys) = (subject(1).scope.key(true), (1..=USERS).map(|user| subject(user).key).collect::<Vec<_>>());
    let mut connection = server.connect(0);
    let mut due = BTreeMap::new();
    for prefix in own_prefixes(PREFIX, shards) {
        let entries: Vec<(String, String)> = connection.zrange_withscores(format!("{prefix}due"), 0, -1).unwrap();
        due.extend(entries);
    }
    let mut rosters = Vec::new();
    for status in [Status::Online, Status::Away] {
        let members = harness.store.roster(&scope, status, None, 10_000).await.unwrap();
        rosters.push(members.iter().map(|member| member.as_str().to_owned()).collect());
    }
    let mut changes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (_, change) in harness.changes().await {
        changes.entry(change.user_id.to_string()).or_default().push(change.seq);
    }
    let mut histories = Vec::new();
    for key in keys.iter().take(200) {
        let history = harness.store.history(key, 100).await.unwrap();
        histories.push(history.iter().map(|(_, change)| change.seq).collect());
    }
    let [jobs, dead] = [JobState::Pending, JobState::Dead];
    let users = harness.store.load(&keys, after(60)).await.unwrap();
    Contents {
        users: users.into_iter().map(|user| format!("{user:?}")).collect(),
        due,
        rosters,
        changes,
        histories,
        jobs: described(harness.queue.list("app", jobs, None, 100_000).await.unwrap()),
        dead: described(harness.queue.list("app", dead, None, 100_000).await.unwrap()),
    }
}

/// Waits until the mark begins with `step`, and the command has written.
pub(super) fn wait_for(server: &RedisServer, child: &mut Child, step: &str) {
    let mut connection = server.connect(0);
    let size = |connection: &mut redis::Connection| -> i64 { redis::cmd("DBSIZE").query(connection).unwrap() };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !mark(server).starts_with(step) {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no step {step:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    let before = size(&mut connection);
    while size(&mut connection) == before {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "nothing is written in {step:?}");
    }
}

/// The key of the lease of the command that moves keys.
pub(super) fn lease() -> String {
    format!("{}mover", own_prefixes(PREFIX, 1)[0])
}

/// Kills the command in `step`. Its lease, which would last for half a minute, ends.
fn kill_at(server: &RedisServer, mut child: Child, step: &str) {
    wait_for(server, &mut child, step);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(mark(server).starts_with(step), "it was killed in {step:?}, not in {:?}", mark(server));
    let left: i64 = server.connect(0).pttl(lease()).unwrap();
    assert!((20_000..=30_000).contains(&left), "the lease lasts for {left} ms");
    let _: () = server.connect(0).del(lease()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_there_after_moves_that_were_killed() {
    require!("redis-server");
    slow!();
    let server = RedisServer::start();
    fill(&harness(&server, 1)).await;
    leave(&server);
    let before = contents(&server, 1).await;
    assert_eq!((before.due.len(), before.dead.len()), (3_000, 30));
    let on = |shards: &str| {
        let mut environment = on_redis(&server);
        environment.push(("PRESENCE__REDIS__SHARDS", shards.to_owned()));
        environment
    };
    let plan = run(&on("16"), &[]);
    assert!(plan.status.success() && text(&plan).contains("3000 users"), "{}", text(&plan));
    assert_eq!(contents(&server, 1).await, before);
    kill_at(&server, command(&on("16"), &["--yes"]).spawn().unwrap(), "copy");
    for shards in ["1", "16"] {
        let refused = Sidecar::with(&on(shards)).await;
        assert_eq!(refused.client.heartbeat(1).await.status, 503);
        assert!(refused.client.get("/ready").await.text.contains("presence-sidecar reshard"));
    }
    kill_at(&server, command(&on("16"), &["--yes"]).spawn().unwrap(), "remove");
    assert_done(&run(&on("16"), &["--yes"]));
    assert_eq!(contents(&server, 16).await, before);
    kill_at(&server, command(&on("1"), &["--yes"]).spawn().unwrap(), "copy");
    kill_at(&server, command(&on("1"), &["--yes"]).spawn().unwrap(), "remove");
    assert_done(&run(&on("1"), &["--yes"]));
    assert_eq!(contents(&server, 1).await, before);
    // Nothing is left of the shards.
    let keys: Vec<String> = server.connect(0).keys("*{presence*").unwrap();
    assert!(keys.iter().all(|key| key.contains("{presence}:")), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_users_go_on_and_cursors_of_before_are_refused() {
    require!("redis-server");
    let server = RedisServer::start();
    let before = harness(&server, 1);
    before.act(1, beat(true), START).await;
    let cursor = before.changes().await.pop().unwrap().0;
    leave(&server);
    let mut environment = on_redis(&server);
    environment.push(("PRESENCE__REDIS__SHARDS", "4".to_owned()));
    assert_done(&run(&environment, &["--yes"]));
    let moved = harness(&server, 4);
    moved.act(1, offline(), after(10)).await;
    let history = moved.store.history(&subject(1).key, 10).await.unwrap();
    assert_eq!(history.iter().map(|(_, change)| change.status).collect::<Vec<_>>(), [Status::Offline, Status::Online]);
    let refused = moved.store.changes(Some(cursor), PageLimit::of_entries(10)).await.unwrap();
    let Changes::Foreign(begin) = refused else { panic!("the cursor is of the log before: {refused:?}") };
    let Changes::Page(page) = moved.store.changes(Some(begin), PageLimit::of_entries(10)).await.unwrap() else {
        panic!("this is where the log begins");
    };
    assert_eq!(page.entries.len(), 2);
    let end: ChangeCursor = moved.store.end_of_changes().await.unwrap();
    assert_eq!(page.end, Some(end));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_not_moved_while_a_sidecar_runs() {
    require!("redis-server");
    let server = RedisServer::start();
    let mut sidecar = Process::start(&on_redis(&server));
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    let arguments = ["--shards", "4", "--yes"];
    let refused = run(&on_redis(&server), &arguments);
    assert!(!refused.status.success() && text(&refused).contains("1 sidecars run"), "{}", text(&refused));
    assert_eq!((mark(&server), sidecar.client.heartbeat(1).await.status), (String::new(), 200));
    assert!(sidecar.terminate().success());
    let done = run(&on_redis(&server), &arguments);
    assert_done(&done);
    assert!(text(&done).contains("set redis.shards = 4"), "{}", text(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn move_that_was_killed_can_be_given_up() {
    require!("redis-server");
    slow!();
    let server = RedisServer::start();
    fill(&harness(&server, 1)).await;
    leave(&server);
    let before = contents(&server, 1).await;
    let environment = on_redis(&server);
    kill_at(&server, command(&environment, &["--shards", "8", "--yes"]).spawn().unwrap(), "copy");
    let other = run(&environment, &["--shards", "4", "--yes"]);
    assert!(!other.status.success() && text(&other).contains("complete it first"), "{}", text(&other));
    let plan = run(&environment, &["--abort"]);
    assert!(text(&plan).contains("that the move from 1 to 8 shards has made would be removed"), "{}", text(&plan));
    let undone = run(&environment, &["--abort", "--yes"]);
    assert_done(&undone);
    assert!(text(&undone).contains("from 1 to 8 shards is given up: "), "{}", text(&undone));
    assert!(text(&run(&environment, &["--abort", "--yes"])).contains("no move was begun"));
    assert_eq!(contents(&server, 1).await, before);
    let sidecar = Sidecar::with(&environment).await;
    assert_all_beat(&sidecar, 1..3, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_moved_between_the_nodes_of_a_cluster() {
    require!("redis-server");
    slow!();
    let cluster = RedisCluster::start(3, 0);
    let of = |shards| StoreHarness::on_servers(cluster.servers(), PREFIX, (0, shards), outbox());
    let divided = of(4);
    for user in 1..50 {
        divided.act(user, beat(true), START).await;
    }
    let keys: Vec<_> = (1..50).map(|user| subject(user).key).collect();
    let before = divided.store.load(&keys, after(1)).await.unwrap();
    let mut environment = on_cluster(&cluster);
    environment.push(("PRESENCE__REDIS__SHARDS", "8".to_owned()));
    let running = format!("{}running", own_prefixes(PREFIX, 1)[0]);
    cluster.cli_at(&running, &["DEL", &running]);
    assert_done(&run(&environment, &["--yes"]));
    let moved = of(8);
    assert_eq!(moved.store.load(&keys, after(1)).await.unwrap(), before);
    assert_eq!(moved.changes().await.len(), 49);
    assert_eq!(moved.queue.list("app", JobState::Pending, None, 100).await.unwrap().len(), 49);
}
