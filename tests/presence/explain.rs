//! `explain` and `history` over HTTP: each story names its cause, and what would change it.

use serde_json::{Value, json};

use crate::http::tokens::token;
use crate::support::{Client, Process, Reaction, Receiver, RedisServer, Sidecar, on_redis};

async fn explain(client: &Client, path: &str) -> Value {
    let answer = client.get(&format!("/api/v1/presence/explain/{path}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Waits until the user has this status by its own account; returns the explanation.
async fn explain_once(client: &Client, user: &str, status: &str) -> Value {
    for _ in 0..600 {
        let explained = explain(client, user).await;
        if explained["last_change"]["status"] == status && explained["status"] == status {
            return explained;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{user} is not {status}: {}", explain(client, user).await);
}

fn says(explained: &Value, reason: &str, remedy: &str) {
    let sentences = |name: &str| {
        let list = explained[name].as_array().unwrap().iter();
        list.map(|sentence| sentence.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert!(sentences("reasons").contains(reason), "{reason:?} is missing in {explained}");
    assert!(sentences("would_change").contains(remedy), "{remedy:?} is missing in {explained}");
}

const COMES_ONLINE: &str = "A heartbeat of any session, or online(), puts the user online";

#[tokio::test(flavor = "multi_thread")]
async fn explanation_of_calls_names_call_and_remedy() {
    let sidecar = Sidecar::start().await;
    let client = &sidecar.client;
    let post = async |call: &str, body: Value| {
        assert_eq!(client.post(&format!("/api/v1/presence/{call}"), body).await.status, 200);
    };
    post("heartbeat", json!({"user_id": "beats"})).await;
    let beats = explain(client, "beats").await;
    says(&beats, "A heartbeat of an active session came at", "Without a heartbeat the user is away at");
    assert_eq!((&beats["status"], &beats["next"]["status"]), (&json!("online"), &json!("away")));
    assert_eq!((&beats["key"], &beats["record"]), (&json!("presence|guard:web|user:beats"), &json!("found")));
    assert_eq!(beats["sessions"].as_array().unwrap().len(), 1);

    post("heartbeat", json!({"user_id": "idle", "active": false})).await;
    says(&explain(client, "idle").await, "said that no session is active", "A heartbeat of an active session puts");

    post("online", json!({"user_id": "announced"})).await;
    says(&explain(client, "announced").await, "An explicit call of online()", "offline() ends the presence");

    post("heartbeat", json!({"user_id": "logout", "session": "a"})).await;
    post("offline", json!({"user_id": "logout"})).await;
    says(&explain(client, "logout").await, "An explicit call of offline()", COMES_ONLINE);

    post("heartbeat", json!({"user_id": "closed", "session": "a"})).await;
    post("offline", json!({"user_id": "closed", "session": "a"})).await;
    says(&explain(client, "closed").await, "The last session ended at", COMES_ONLINE);

    let unknown = explain(client, "unknown").await;
    says(&unknown, "Nothing is known under the key presence|guard:web|user:unknown", COMES_ONLINE);
    says(&unknown, "or the user has been offline for more than 30 days (presence.remember_days).", COMES_ONLINE);
    assert_eq!(
        (&unknown["last_change"], &unknown["since"], &unknown["next"]),
        (&json!(null), &json!(null), &json!(null))
    );
    let other_tenant = explain(client, "beats?tenant=other").await;
    says(&other_tenant, "under the key presence|other|guard:web|user:beats", COMES_ONLINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_of_time_names_the_keys_that_decide() {
    let environment = [("PRESENCE_TTL", "2".to_owned()), ("PRESENCE_AWAY_AFTER", "1".to_owned())];
    let sidecar = Sidecar::with(&environment).await;
    sidecar.client.heartbeat("sleeper").await;
    let away = explain_once(&sidecar.client, "sleeper", "away").await;
    says(&away, "for 1 s (cache.away_after_seconds)", "Without a heartbeat the user is offline at");
    let gone = explain_once(&sidecar.client, "sleeper", "offline").await;
    says(&gone, "No heartbeat came for 2 s (cache.ttl_seconds)", COMES_ONLINE);
    assert_eq!(gone["last_change"]["cause"], "ttl");
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_tells_what_the_app_did_with_the_record() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::with(&on_redis(&redis)).await;
    let record = "laravel-database-laravel-cache-presence|guard:web|user:forgotten";
    sidecar.client.heartbeat("forgotten").await;
    assert_eq!(redis.cli(&["-n", "1", "DEL", record]).trim(), "1");
    says(
        &explain(&sidecar.client, "forgotten").await,
        "was removed before its time, as Cache::forget() does",
        COMES_ONLINE,
    );
    // The next call of any kind records it; this one ends no session that is there.
    let body = json!({"user_id": "forgotten", "session": "none"});
    sidecar.client.post("/api/v1/presence/offline", body).await;
    let history = sidecar.client.get("/api/v1/presence/history/forgotten?limit=2").await.json;
    let causes: Vec<&Value> = history["data"].as_array().unwrap().iter().map(|change| &change["cause"]).collect();
    assert!(causes.contains(&&json!("record_forgotten")), "{history}");

    redis.cli(&["-n", "1", "SETEX", &record.replace("forgotten", "packed"), "100", "no record"]);
    says(&explain(&sidecar.client, "packed").await, "is not a presence record", COMES_ONLINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_shows_deliveries_that_wait() {
    let receiver = Receiver::reacting(|_| Reaction::Answer(400, "")).await;
    let sidecar = Sidecar::with(&[
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
    ])
    .await;
    sidecar.client.heartbeat("waits").await;
    receiver.wait_for(1).await;
    let mut explained = explain(&sidecar.client, "waits").await;
    while explained["deliveries"][0]["tries"] != 1 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        explained = explain(&sidecar.client, "waits").await;
    }
    let delivery = &explained["deliveries"][0];
    assert_eq!((&delivery["endpoint"], &delivery["waiting"]), (&json!("default"), &json!(1)));
    assert_eq!(delivery["last"], "HTTP 400");
}

/// Opens a page of `user`: a stream that keeps its user online.
async fn open_page(client: &Client, user: &str) -> reqwest::Response {
    let path = format!("/api/v1/presence/stream?presence=1&token={}", token(user, json!({"sid": "page"})));
    let request = client.with_token("").request(reqwest::Method::GET, &path);
    request.header("Accept", "text/event-stream").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_tells_a_page_that_was_closed_from_a_replica_that_was_killed() {
    require!("redis-server");
    let redis = RedisServer::start();
    let seconds = |name, value: &str| (name, value.to_owned());
    let times = vec![
        seconds("PRESENCE_TTL", "8"),
        seconds("PRESENCE_AWAY_AFTER", "6"),
        seconds("PRESENCE__STREAM__GRACE_SECONDS", "4"),
    ];
    let environment = [on_redis(&redis), times].concat();
    let (mut killed, other) = (Process::start(&environment), Process::start(&environment));
    let (_held, closed) = (open_page(&killed.client, "held").await, open_page(&other.client, "closed").await);
    explain_once(&other.client, "held", "online").await;
    explain_once(&other.client, "closed", "online").await;
    killed.kill();
    drop(closed);
    let closed = explain_once(&other.client, "closed", "offline").await;
    says(&closed, "The last session ended at", COMES_ONLINE);
    let held = explain_once(&other.client, "held", "offline").await;
    says(&held, "or the sidecar that it calls was not reachable", COMES_ONLINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_newest_first_and_its_limit_is_checked() {
    let sidecar = Sidecar::start().await;
    for call in ["heartbeat", "offline", "online"] {
        sidecar.client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": 7})).await;
    }
    let history = sidecar.client.get("/api/v1/presence/history/7").await.json;
    let data = history["data"].as_array().unwrap();
    let causes: Vec<&Value> = data.iter().map(|change| &change["cause"]).collect();
    assert_eq!(causes, ["online", "offline", "heartbeat"]);
    let mut log = sidecar.client.changes().await;
    log.reverse();
    assert_eq!(*data, log);
    assert_eq!(sidecar.client.get("/api/v1/presence/history/7?limit=1").await.json["data"], json!([log[0]]));
    for limit in ["0", "101", "many"] {
        assert_eq!(sidecar.client.get(&format!("/api/v1/presence/history/7?limit={limit}")).await.status, 422);
    }
    let anonymous = sidecar.client.with_token("");
    for path in ["history/7", "explain/7"] {
        assert_eq!(anonymous.get(&format!("/api/v1/presence/{path}")).await.status, 401);
    }
}
