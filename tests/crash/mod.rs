//! Nothing is lost: sidecars are killed again and again, the receiver misbehaves, and in the end it has everything.
//!
//! Part of the ordinary tests for a few seconds; `tests/crash/run` does it for a minute.

mod messages;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, Post, Process, Reaction, Receiver, RedisServer, free_port, on_redis};

const USERS: i64 = 500;
const SIDECARS: usize = 3;

/// How long the long version goes on, if it is wanted.
fn long_for() -> Option<Duration> {
    std::env::var("PRESENCE_CRASH_SECONDS").ok().map(|seconds| Duration::from_secs(seconds.parse().unwrap()))
}

/// Two endpoints: one misbehaves, one is down until all is over.
fn configuration(misbehaving: &str, down: u16) -> String {
    format!(
        r#"
driver = "webhook"
cache = {{ ttl_seconds = 4, away_after_seconds = 2 }}
[webhook]
url = "{misbehaving}"
secret = "base64:c2VjcmV0"
timeout = 1
schedule = [{}, "1h"]
[[webhook.endpoints]]
name = "down"
url = "http://127.0.0.1:{down}/hooks/presence"
"#,
        vec![r#""1s""#; 60].join(", ")
    )
}

/// Takes nine of ten posts.
fn misbehave(_number: usize) -> Reaction {
    match rand::random_range(0..100) {
        0..5 => Reaction::Answer(500, ""),
        5..8 => Reaction::Reset,
        8..10 => Reaction::Late(Duration::from_secs(3)),
        _ => Reaction::Answer(204, ""),
    }
}

/// HeartbeatsRequest of users that come, idle and vanish, to whichever sidecar is there.
async fn live(sidecars: Arc<Mutex<HashMap<usize, Client>>>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let client = sidecars.lock().unwrap()[&rand::random_range(0..SIDECARS)].clone();
        let user = rand::random_range(0..USERS);
        let body = json!({"user_id": user, "active": rand::random_bool(0.8), "meta": {"page": "/a/é"}});
        let call = if rand::random_bool(0.05) { "offline" } else { "heartbeat" };
        let body = if call == "offline" { json!({"user_id": user}) } else { body };
        let request = client.request(reqwest::Method::POST, &format!("/api/v1/presence/{call}")).json(&body);
        // A sidecar that is being killed does not answer, or says 503.
        _ = tokio::time::timeout(Duration::from_secs(2), request.send()).await;
    }
}

/// Waits until everybody is offline, everything is settled, and nothing is pending.
async fn settled(client: &Client) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        let log = client.changes().await;
        let statuses: HashMap<_, _> = log.iter().map(|change| (&change["user_id"], &change["status"])).collect();
        let pending = client.get("/api/v1/webhooks/deliveries?state=pending&limit=1&endpoint=default").await.json;
        let over = statuses.values().all(|status| **status == "offline");
        if over && pending["data"].as_array().is_some_and(Vec::is_empty) {
            return log;
        }
        assert!(Instant::now() < deadline, "still pending: {pending}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// What a receiver got holds against the log.
fn check(log: &[Value], posts: &[Post], dead: &HashSet<String>) {
    let recorded: HashSet<String> = log.iter().map(id).collect();
    assert_eq!(recorded.len(), log.len(), "ids differ");
    let received: HashSet<String> = posts.iter().map(|post| id(&post.json())).collect();
    assert_eq!(received.difference(&recorded).count(), 0, "nothing unknown is received");
    let taken: HashSet<String> = posts.iter().filter(|post| post.taken).map(|post| id(&post.json())).collect();
    let missing: Vec<_> = recorded.iter().filter(|id| !taken.contains(*id) && !dead.contains(*id)).collect();
    assert!(missing.is_empty(), "{} of {} are missing", missing.len(), recorded.len());
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut first = HashSet::new();
    for post in posts.iter().map(Post::json).filter(|post| first.insert(id(post))) {
        let seq = post["seq"].as_u64().unwrap();
        let before = newest.insert(post["user_id"].to_string(), seq).unwrap_or(0);
        assert!(seq > before, "{post} came after {before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_transition_is_lost_while_sidecars_are_killed_and_the_receiver_misbehaves() {
    let folder = TempDir::new().unwrap();
    let redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let noted = File::create(folder.path().join("posts")).unwrap();
    let receiver = Receiver::on(0, Some(noted), misbehave).await;
    let down = free_port();
    let file = folder.path().join("presence.toml");
    std::fs::write(&file, configuration(&receiver.url, down)).unwrap();
    let mut environment = on_redis(&redis);
    environment.push(("PRESENCE_CONFIG", file.display().to_string()));
    let start = |environment: Vec<(&'static str, String)>| move || Process::start(&environment);

    let mut running = HashMap::new();
    let mut starting = tokio::task::JoinSet::new();
    for place in 0..SIDECARS {
        let start = start(environment.clone());
        running.insert(place, tokio::task::spawn_blocking(start).await.unwrap());
    }
    let clients = running.iter().map(|(place, process)| (*place, process.client.clone()));
    let sidecars = Arc::new(Mutex::new(clients.collect::<HashMap<_, _>>()));
    let stop = CancellationToken::new();
    let lives: Vec<_> = (0..8).map(|_| tokio::spawn(live(sidecars.clone(), stop.clone()))).collect();
    let end = Instant::now() + long_for().unwrap_or(Duration::from_secs(6));
    let mut kills = 0;
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        while let Some(started) = starting.try_join_next() {
            let (place, process): (usize, Process) = started.unwrap();
            sidecars.lock().unwrap().insert(place, process.client.clone());
            running.insert(place, process);
        }
        let Some(victim) = running.keys().copied().collect::<Vec<_>>().choose(&mut rand::rng()).copied() else {
            continue;
        };
        running.remove(&victim).unwrap().kill();
        kills += 1;
        let start = start(environment.clone());
        starting.spawn_blocking(move || (victim, start()));
    }
    stop.cancel();
    for life in lives {
        life.await.unwrap();
    }

    running.extend(starting.join_all().await);
    let client = &running[&0].client;
    let log = settled(client).await;
    let dead = client.get("/api/v1/webhooks/deliveries?state=dead&limit=1000").await.json;
    let dead: HashSet<String> = dead["data"].as_array().unwrap().iter().map(id).collect();
    let dead: HashSet<String> = dead.iter().map(|id| id.split('@').next().unwrap().to_owned()).collect();
    let posts = receiver.posts();
    #[expect(clippy::print_stdout, reason = "who runs it for a minute wants to know what happened")]
    {
        println!("{kills} kills, {} changes, {} posts, {} dead", log.len(), posts.len(), dead.len());
    }
    assert!(log.len() > 500, "too little happened: {} changes", log.len());
    check(&log, &posts, &dead);

    let back = Receiver::on(down, None, |_| Reaction::Answer(204, "")).await;
    back.wait_for(log.len()).await;
    check(&log, &back.posts(), &HashSet::new());
}
