//! `presence-sidecar reshard` beside another one, beside a sidecar that was suspended, and without replicas.

use std::process::Child;
use std::time::{Duration, Instant};

use presence_sidecar::presence::store::own_prefixes;
use redis::Commands;

use super::reshard::{
    Contents, assert_done, command, contents, fill, harness, lease, leave, mark, run, text, wait_for,
};
use crate::presence::harness::{PREFIX, START, after, beat, offline, subject};
use crate::support::{Process, RedisServer, Sidecar, on_redis, send_signal};

const TO_FOUR: [&str; 3] = ["--shards", "4", "--yes"];

/// A server whose keys are in one shard, and what they contain.
async fn filled() -> (RedisServer, Contents) {
    let server = RedisServer::start();
    fill(&harness(&server, 1)).await;
    leave(&server);
    let before = contents(&server, 1).await;
    (server, before)
}

/// A command that is suspended while it copies.
fn suspended_copy(server: &RedisServer) -> Child {
    let mut child = command(&on_redis(server), &TO_FOUR).spawn().unwrap();
    wait_for(server, &mut child, "copy");
    send_signal("STOP", child.id());
    assert!(mark(server).starts_with("copy"), "it is suspended in {:?}", mark(server));
    child
}

fn resume(child: Child) -> std::process::Output {
    send_signal("CONT", child.id());
    child.wait_with_output().unwrap()
}

/// Waits until this many things that end by themselves are left.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_command_is_refused_until_the_lease_of_the_first_ends() {
    require!("redis-server");
    slow!();
    let (server, before) = filled().await;
    let environment = on_redis(&server);
    let first = suspended_copy(&server);
    for arguments in [&TO_FOUR[..], &["--abort", "--yes"]] {
        let refused = run(&environment, arguments);
        assert!(!refused.status.success(), "{}", text(&refused));
        assert!(text(&refused).contains("another presence-sidecar reshard runs"), "{}", text(&refused));
    }
    wait_until("the lease ends", || !server.connect(0).exists::<_, bool>(lease()).unwrap());
    assert_done(&run(&environment, &TO_FOUR));
    let late = resume(first);
    assert!(!late.status.success(), "{}", text(&late));
    assert_eq!(contents(&server, 4).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn lease_alone_refuses_a_sidecar() {
    require!("redis-server");
    let server = RedisServer::start();
    let _: () = server.connect(0).set_ex(lease(), "another", 30).unwrap();
    let sidecar = Sidecar::with(&on_redis(&server)).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
    let ready = sidecar.client.get("/ready").await;
    assert!(ready.text.contains("presence-sidecar reshard"), "{}", ready.text);
    let _: () = server.connect(0).del(lease()).unwrap();
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_with_other_values_are_not_taken() {
    require!("redis-server");
    slow!();
    let (server, before) = filled().await;
    let child = suspended_copy(&server);
    let mut connection = server.connect(0);
    // As many keys as before, one with another value.
    let copies: Vec<String> = connection.keys(format!("{PREFIX}{{presence:0*}}:state:*")).unwrap();
    let value: Vec<u8> = connection.get(&copies[0]).unwrap();
    let _: () = connection.set(&copies[0], [&value[..], b" "].concat()).unwrap();
    let refused = resume(child);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert!(text(&refused).contains("the copies have other values"), "{}", text(&refused));
    assert_eq!(contents(&server, 1).await, before);
    leave(&server);
    assert_done(&run(&on_redis(&server), &TO_FOUR));
    assert_eq!(contents(&server, 4).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_before_replicas_have_the_copies() {
    require!("redis-server");
    slow!();
    let (server, before) = filled().await;
    let mut environment = on_redis(&server);
    environment.push(("PRESENCE__REDIS__WAIT_REPLICAS", "1".to_owned()));
    let refused = run(&environment, &TO_FOUR);
    assert!(!refused.status.success() && text(&refused).contains("redis.wait_replicas = 1"), "{}", text(&refused));
    assert_eq!(contents(&server, 1).await, before);
    leave(&server);
    let port = server.port().to_string();
    let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
    wait_until("the replica is connected", || server.cli(&["INFO", "replication"]).contains("state=online"));
    assert_done(&run(&environment, &TO_FOUR));
    assert_eq!(contents(&server, 4).await, before);
    replica.cli(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(contents(&replica, 4).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_not_known_are_reported_and_stay() {
    require!("redis-server");
    let server = RedisServer::start();
    harness(&server, 1).act(1, beat(true), START).await;
    leave(&server);
    let unknown = format!("{}future", own_prefixes(PREFIX, 1)[0]);
    let of_other_shards = format!("{PREFIX}{{presence:63}}:due");
    let mut connection = server.connect(0);
    let _: () = connection.mset(&[(&unknown, "1"), (&of_other_shards, "2")]).unwrap();
    for arguments in [&TO_FOUR[..2], &TO_FOUR] {
        let output = run(&on_redis(&server), arguments);
        assert_done(&output);
        let reported =
            format!("2 keys are not known to this release and stay as they are: {of_other_shards}, {unknown}");
        assert!(text(&output).contains(&reported), "{}", text(&output));
    }
    let kept: Vec<String> = connection.mget(&[&unknown, &of_other_shards]).unwrap();
    assert_eq!(kept, ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_that_was_suspended_during_a_move_does_not_commit_after_it() {
    require!("redis-server");
    slow!();
    let server = RedisServer::start();
    let environment = on_redis(&server);
    let sidecar = Process::start(&environment);
    assert_eq!(sidecar.client.heartbeat(1).await.status, 200);
    send_signal("STOP", sidecar.id());
    let running = format!("{}running", own_prefixes(PREFIX, 1)[0]);
    let now = || -> (u64, u64) { redis::cmd("TIME").query(&mut server.connect(0)).unwrap() };
    wait_until("its registration ends", || {
        server.connect(0).zcount::<_, _, _, usize>(&running, now().0 * 1_000, "+inf").unwrap() == 0
    });
    assert_done(&run(&environment, &TO_FOUR));
    send_signal("CONT", sidecar.id());
    assert_eq!(sidecar.client.heartbeat(2).await.status, 503);
    let moved = harness(&server, 4);
    moved.act(1, offline(), after(10)).await;
    assert_eq!(moved.store.history(&subject(1).key, 10).await.unwrap().len(), 2);
}
