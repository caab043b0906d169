//! Nothing is lost: sidecars are killed again and again, the receiver misbehaves, and in the end it has everything.
//!
//! Part of the ordinary tests for a few seconds; `tests/crash/run` does it for a minute.

pub mod messages;
mod promotion;
mod stores;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, Post, Process, Reaction, Receiver, RedisServer, free_port, on_redis, send_signal};

const USERS: i64 = 500;
const SIDECARS: usize = 3;

/// Starts the sidecar at a place; which binary that is may differ from place to place and from start to start.
pub type Start = Arc<dyn Fn(usize) -> Process + Send + Sync>;

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
        // Each sidecar that is started again tries some deliveries of each endpoint before it knows that the other one is down.
        vec![r#""1s""#; 1_200].join(", ")
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
pub async fn settled(client: &Client) -> Vec<Value> {
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

/// Checks that each change of a user follows from the one before, and that the user's `seq` rises.
pub fn check_log(log: &[Value]) {
    let mut last: HashMap<String, &Value> = HashMap::new();
    for change in log {
        let (seq, status) = match last.insert(change["user_id"].to_string(), change) {
            Some(before) => (before["seq"].as_u64().unwrap(), before["status"].clone()),
            None => (0, json!("offline")),
        };
        assert!(change["seq"].as_u64().unwrap() > seq, "{change} came after {seq}");
        assert_eq!(change["previous"], status, "{change}");
    }
}

/// What a receiver got holds against the log.
pub fn check(log: &[Value], posts: &[Post], dead: &HashSet<String>) {
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
    require!("redis-server");
    let redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let start = |environment: Environment| -> Start { Arc::new(move |_| Process::start(&environment)) };
    let span = long_for().unwrap_or(Duration::from_secs(6));
    assert!(transitions_survive(on_redis(&redis), start, span, Faults::default()).await > 500);
}

/// The environment of a sidecar.
pub type Environment = Vec<(&'static str, String)>;

/// Does something to the store, which is whole again when this returns.
type StoreFault = Box<dyn FnMut() + Send>;

/// What happens meanwhile, beside kills of sidecars.
#[derive(Default)]
pub struct Faults {
    /// Sidecars are frozen for up to three seconds.
    freezes: bool,
    /// Called every few seconds.
    store: Option<StoreFault>,
}

/// Kills sidecars on the store that `environment` names for a while, and checks what was recorded and delivered; returns how
/// many transitions there were.
pub async fn transitions_survive(
    mut environment: Environment,
    start: impl Fn(Environment) -> Start,
    span: Duration,
    faults: Faults,
) -> usize {
    let folder = TempDir::new().unwrap();
    let noted = File::create(folder.path().join("posts")).unwrap();
    let receiver = Receiver::on(0, Some(noted), misbehave).await;
    let down = free_port();
    let file = folder.path().join("presence.toml");
    std::fs::write(&file, configuration(&receiver.url, down)).unwrap();
    environment.push(("PRESENCE_CONFIG", file.display().to_string()));
    let start = start(environment);

    let mut running = HashMap::new();
    for place in 0..SIDECARS {
        let start = start.clone();
        running.insert(place, tokio::task::spawn_blocking(move || start(place)).await.unwrap());
    }
    let clients = running.iter().map(|(place, process)| (*place, process.client.clone()));
    let sidecars = Arc::new(Mutex::new(clients.collect::<HashMap<_, _>>()));
    let stop = CancellationToken::new();
    let lives: Vec<_> = (0..8).map(|_| tokio::spawn(live(sidecars.clone(), stop.clone()))).collect();
    let store = faults.store.map(|fault| std::thread::spawn(repeat(fault, stop.clone())));
    let kills = kill_for(span, faults.freezes, &start, &mut running, &sidecars).await;
    stop.cancel();
    for life in lives {
        life.await.unwrap();
    }
    // Until the end: the server and its disk belong to the fault.
    let store = store.map(|store| store.join().unwrap());
    let of_store = store.as_ref().map_or(0, |(number, _)| *number);

    let client = &running[&0].client;
    // The store may have been started a moment ago.
    let ready = async {
        while client.get("/ready").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ready).await.expect("the sidecar recovers by itself");
    let log = settled(client).await;
    let dead = client.get("/api/v1/webhooks/deliveries?state=dead&limit=1000").await.json;
    let dead: HashSet<String> = dead["data"].as_array().unwrap().iter().map(id).collect();
    let dead: HashSet<String> = dead.iter().map(|id| id.split('@').next().unwrap().to_owned()).collect();
    let posts = receiver.posts();
    #[expect(clippy::print_stdout, reason = "who runs it for a minute wants to know what happened")]
    {
        let (changes, posts, dead) = (log.len(), posts.len(), dead.len());
        println!("{kills} kills, {of_store} faults of the store, {changes} changes, {posts} posts, {dead} dead");
    }
    check_log(&log);
    check(&log, &posts, &dead);

    let back = Receiver::on(down, None, |_| Reaction::Answer(204, "")).await;
    // What came together in this time is delivered in no more.
    back.wait_within(span.max(Receiver::PATIENCE), log.len()).await;
    check(&log, &back.posts(), &HashSet::new());
    check_lists(&running.values().map(|process| process.client.clone()).collect::<Vec<_>>()).await;
    log.len()
}

/// Calls `fault` every two to four seconds; returns how often, and the fault.
fn repeat(mut fault: StoreFault, stop: CancellationToken) -> impl FnOnce() -> (usize, StoreFault) {
    move || {
        for number in 0.. {
            let pause = Instant::now() + Duration::from_millis(rand::random_range(2_000..4_000));
            while Instant::now() < pause {
                if stop.is_cancelled() {
                    return (number, fault);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            fault();
        }
        unreachable!()
    }
}

/// Kills one sidecar after the other and starts it again; returns how many were killed.
async fn kill_for(
    span: Duration,
    freezes: bool,
    start: &Start,
    running: &mut HashMap<usize, Process>,
    sidecars: &Mutex<HashMap<usize, Client>>,
) -> usize {
    let (end, mut kills) = (Instant::now() + span, 0);
    let mut starting = JoinSet::new();
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
        if freezes && rand::random_bool(0.3) {
            starting.spawn(thaw(victim, running.remove(&victim).unwrap()));
            continue;
        }
        running.remove(&victim).unwrap().kill();
        kills += 1;
        let start = start.clone();
        starting.spawn_blocking(move || (victim, start(victim)));
    }
    running.extend(starting.join_all().await);
    kills
}

/// Freezes a sidecar for a while.
async fn thaw(place: usize, process: Process) -> (usize, Process) {
    send_signal("STOP", process.id());
    tokio::time::sleep(Duration::from_millis(rand::random_range(300..3_000))).await;
    send_signal("CONT", process.id());
    (place, process)
}

/// Checks that every sidecar counts and lists exactly the users who are present: at first none, then some.
async fn check_lists(sidecars: &[Client]) {
    for sidecar in sidecars {
        assert_eq!(lists(sidecar).await, [BTreeSet::new(), BTreeSet::new()], "all users are offline");
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        for user in 0..40 {
            let body = json!({"user_id": user, "active": user % 4 > 0});
            let sidecar = &sidecars[usize::try_from(user).unwrap() % sidecars.len()];
            assert_eq!(sidecar.post("/api/v1/presence/heartbeat", body).await.status, 200);
        }
        let mut agree = true;
        for sidecar in sidecars {
            let many = json!({"user_ids": (0..USERS).collect::<Vec<_>>()});
            let states = sidecar.post("/api/v1/presence/many", many).await.json;
            let of = |status: &str| {
                let users = (0..USERS).filter(|user| states[user.to_string()]["status"] == status);
                users.collect::<BTreeSet<_>>()
            };
            let expected = [of("online"), of("away")];
            let found = lists(sidecar).await;
            // Users who time out between two requests may differ; the next round tells.
            agree &= found == expected && found.iter().map(BTreeSet::len).sum::<usize>() == 40;
        }
        if agree {
            return;
        }
        assert!(Instant::now() < deadline, "counts and rosters differ from the states");
    }
}

/// The users on the rosters of online and away users, which must be as many as are counted.
async fn lists(sidecar: &Client) -> [BTreeSet<i64>; 2] {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let mut found = [BTreeSet::new(), BTreeSet::new()];
        for (status, users) in ["online", "away"].iter().zip(&mut found) {
            let page = sidecar.get(&format!("/api/v1/presence/roster?status={status}&limit=1000")).await.json;
            users.extend(page["data"].as_array().unwrap().iter().map(|member| member["user_id"].as_i64().unwrap()));
        }
        let counts = sidecar.get("/api/v1/presence/counts").await.json;
        if counts
            == json!({"online": found[0].len(), "away": found[1].len(), "present": found[0].len() + found[1].len()})
        {
            return found;
        }
        // As above: only a difference that lasts is one.
        assert!(Instant::now() < deadline, "{counts} are counted, and listed {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
