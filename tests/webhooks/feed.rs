//! The change feed: pages, trimming, snapshots, the stream.

use std::collections::HashMap;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Duration, timeout};

use crate::http::tokens::token;
use crate::support::{Client, RedisServer, Sidecar, TOKEN, on_redis};

/// A stream of Server-Sent Events.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(client: &Client, path: &str, last: Option<&str>) -> Self {
        let mut request = client.request(reqwest::Method::GET, path);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next change: its id, its name, its data. `None` when the stream ends.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let fields: HashMap<_, _> = event.lines().filter_map(|line| line.split_once(": ")).collect();
                let found = (fields["event"] != "place").then(|| {
                    let data = serde_json::from_str(fields["data"]).unwrap();
                    (fields["id"].to_owned(), fields["event"].to_owned(), data)
                });
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
                continue;
            }
            let chunk = timeout(Duration::from_secs(20), self.response.chunk()).await.expect("nothing comes");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }
}

const STREAM: &str = "/api/v1/presence/stream";

#[tokio::test(flavor = "multi_thread")]
async fn expired_cursor_returns_409_with_the_oldest_cursor() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    for user in 1..=3 {
        sidecar.client.heartbeat(user).await;
    }
    let all = sidecar.client.changes().await;
    let changes = redis.cli(&["--scan", "--pattern", "*}:changes"]).trim().to_owned();
    let trimmed = changes.replace("}:changes", "}:trimmed");
    // The id of an entry is its cursor without the tag of the log.
    let (id, _tag) = all[0]["cursor"].as_str().unwrap().split_once('.').unwrap();
    redis.cli(&["XDEL", &changes, id]);
    redis.cli(&["SET", &trimmed, id]);
    let lost = sidecar.client.get("/api/v1/presence/changes?after=0-0").await;
    assert_eq!((lost.status, &lost.json["oldest_cursor"]), (409, &all[0]["cursor"]));
    let stream = sidecar.client.get(&format!("{STREAM}?after=0-0")).await;
    assert_eq!(stream.status, 409);
    let rest = format!("/api/v1/presence/changes?after={}", lost.json["oldest_cursor"].as_str().unwrap());
    assert_eq!(sidecar.client.get(&rest).await.json["data"].as_array().unwrap()[..], all[1..]);
    let first = sidecar.client.get(&format!("{rest}&limit=1")).await.json;
    assert_eq!((first["data"].as_array().unwrap(), &first["next_cursor"]), (&vec![all[1].clone()], &all[1]["cursor"]));
    assert_eq!(sidecar.client.get("/api/v1/presence/changes").await.json["data"].as_array().unwrap()[..], all[1..]);
}

/// All users in a snapshot, and its cursor.
async fn snapshot(client: &Client) -> (HashMap<String, (String, u64)>, String) {
    let (mut users, mut page) = (HashMap::new(), String::new());
    loop {
        let response = client.get(&format!("/api/v1/presence/snapshot?limit=50{page}")).await.json;
        for user in response["data"].as_array().unwrap() {
            let state = (user["status"].as_str().unwrap().to_owned(), user["seq"].as_u64().unwrap());
            users.insert(user["user_id"].to_string(), state);
        }
        match response["next_page"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => return (users, response["cursor"].as_str().unwrap().to_owned()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_and_later_changes_give_the_current_presence() {
    require!("redis-server");
    let redis = RedisServer::start();
    for environment in [Vec::new(), on_redis(&redis)] {
        let sidecar = Sidecar::with(&environment).await;
        let client = sidecar.client.clone();
        let writer = tokio::spawn(async move {
            for round in 0..3 {
                for user in 0..200 {
                    let call = if (user + round) % 3 == 0 { "offline" } else { "heartbeat" };
                    client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": user})).await;
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (mut users, mut after) = snapshot(&sidecar.client).await;
        writer.await.unwrap();
        loop {
            let page = sidecar.client.get(&format!("/api/v1/presence/changes?after={after}")).await.json;
            let changes = page["data"].as_array().unwrap();
            if changes.is_empty() {
                break;
            }
            for change in changes {
                let (user, seq) = (change["user_id"].to_string(), change["seq"].as_u64().unwrap());
                if users.get(&user).is_none_or(|(_, known)| *known < seq) {
                    users.insert(user, (change["status"].as_str().unwrap().to_owned(), seq));
                }
            }
            after = page["next_cursor"].as_str().unwrap().to_owned();
        }
        for user in 0..200 {
            let now = sidecar.client.get(&format!("/api/v1/presence/status/{user}")).await.json;
            let known = users.get(&user.to_string()).map_or("offline", |(status, _)| status.as_str());
            assert_eq!(now["status"], known, "user {user}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_sends_changes_and_continues_after_last_event_id() {
    require!("redis-server");
    let redis = RedisServer::start();
    for environment in [Vec::new(), on_redis(&redis)] {
        let sidecar = Sidecar::with(&environment).await;
        sidecar.client.heartbeat("before").await;
        let mut stream = Stream::open(&sidecar.client, STREAM, None).await;
        sidecar.client.heartbeat(1).await;
        sidecar.client.post("/api/v1/presence/offline", json!({"user_id": 1})).await;
        let (first, name, data) = stream.next().await.unwrap();
        assert_eq!((name.as_str(), &data["user_id"], &data["cursor"]), ("online", &json!(1), &json!(first)));
        assert_eq!(stream.next().await.unwrap().1, "offline");
        drop(stream);
        sidecar.client.heartbeat(2).await;
        let mut again = Stream::open(&sidecar.client, STREAM, Some(&first)).await;
        assert_eq!(again.next().await.unwrap().1, "offline");
        assert_eq!(again.next().await.unwrap().2["user_id"], 2);
        sidecar.client.heartbeat(3).await;
        let (_, _, third) = again.next().await.unwrap();
        assert_eq!(third, *sidecar.client.changes().await.last().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_begins_with_its_cursor() {
    let sidecar = Sidecar::start().await;
    sidecar.client.heartbeat(1).await;
    let cursor = sidecar.client.changes().await[0]["cursor"].as_str().unwrap().to_owned();
    let mut response = sidecar.client.request(reqwest::Method::GET, STREAM).send().await.unwrap();
    let beginning = timeout(Duration::from_secs(20), response.chunk()).await.unwrap().unwrap().unwrap();
    assert_eq!(beginning, format!("id: {cursor}\nevent: place\ndata: {{\"cursor\":\"{cursor}\"}}\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_position_of_a_stream_is_none() {
    let sidecar = Sidecar::start().await;
    sidecar.client.heartbeat(1).await;
    for path in [STREAM.to_owned(), format!("{STREAM}?after=")] {
        let request = sidecar.client.request(reqwest::Method::GET, &path).header("last-event-id", "");
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
    let cursor = sidecar.client.changes().await[0]["cursor"].as_str().unwrap().to_owned();
    let request = sidecar.client.request(reqwest::Method::GET, &format!("{STREAM}?after={cursor}"));
    let mut response = request.header("last-event-id", "").send().await.unwrap();
    let beginning = timeout(Duration::from_secs(20), response.chunk()).await.unwrap().unwrap().unwrap();
    assert!(beginning.starts_with(format!("id: {cursor}\n").as_bytes()), "the query counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn undecodable_entry_is_skipped() {
    require!("redis-server");
    let redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    sidecar.client.heartbeat(1).await;
    let log = redis.cli(&["--scan", "--pattern", "*}:changes"]).trim().to_owned();
    redis.cli(&["XADD", &log, "*", "change", "nonsense"]);
    sidecar.client.heartbeat(2).await;
    let mut users = Vec::new();
    let mut after = "0-0".to_owned();
    for _ in 0..3 {
        let page = sidecar.client.get(&format!("/api/v1/presence/changes?limit=1&after={after}")).await.json;
        users.extend(page["data"].as_array().unwrap().iter().map(|change| change["user_id"].clone()));
        after = page["next_cursor"].as_str().unwrap().to_owned();
    }
    assert_eq!(users, [1, 2]);
    let mut stream = Stream::open(&sidecar.client, &format!("{STREAM}?after=0-0"), None).await;
    assert_eq!(stream.next().await.unwrap().2["user_id"], 1);
    assert_eq!(stream.next().await.unwrap().2["user_id"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_streams_miss_no_entry() {
    require!("redis-server");
    let redis = RedisServer::start();
    let (here, there) = (Sidecar::on(&redis).await, Sidecar::on(&redis).await);
    let client = there.client.clone();
    let writer = tokio::spawn(async move {
        for user in 0..600 {
            client.heartbeat(user).await;
        }
    });
    let subscribers = futures_util::stream::iter(0..20).map(|number| {
        let client = here.client.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(number * 15)).await;
            let mut stream = Stream::open(&client, &format!("{STREAM}?after=0-0"), None).await;
            let mut users = Vec::new();
            while users.len() < 600 {
                users.push(stream.next().await.unwrap().2["user_id"].as_i64().unwrap());
            }
            assert!(users.is_sorted() && users[599] == 599);
        }
    });
    subscribers.buffer_unordered(20).collect::<Vec<_>>().await;
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_stream_has_watched_users_of_its_scope_only() {
    let sidecar = Sidecar::with(&[("PRESENCE__SCOPE__RESOLVER__TENANT", "body,claim:tenant".to_owned())]).await;
    let user = token(1, json!({"watch": [2, "three"], "tenant": "acme"}));
    let mut stream = Stream::open(&sidecar.client.with_token(&user), STREAM, None).await;
    let anonymous = sidecar.client.with_token("");
    let mut in_query = Stream::open(&anonymous, &format!("{STREAM}?token={user}"), None).await;
    for (id, tenant) in
        [(json!(1), "acme"), (json!(2), "other"), (json!(2), "acme"), (json!(4), "acme"), (json!("three"), "acme")]
    {
        let body = json!({"user_id": id, "scope": {"tenant": tenant}});
        sidecar.client.post("/api/v1/presence/heartbeat", body).await;
    }
    for stream in [&mut stream, &mut in_query] {
        let received = [stream.next().await.unwrap().2, stream.next().await.unwrap().2];
        assert_eq!(
            received.map(|change| (change["user_id"].clone(), change["scope"]["tenant"].clone())),
            [(json!(2), json!("acme")), (json!("three"), json!("acme"))]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_requires_a_valid_token_and_ends_when_it_expires() {
    let sidecar = Sidecar::start().await;
    let anonymous = sidecar.client.with_token("");
    for query in ["", "?token=", "?token=nonsense", &format!("?token={TOKEN}")] {
        assert_eq!(anonymous.get(&format!("{STREAM}{query}")).await.status, 401, "{query}");
    }
    let good = token(1, json!({}));
    assert_eq!(sidecar.client.with_token("wrong").get(&format!("{STREAM}?token={good}")).await.status, 401);
    let short = token(1, json!({"watch": [1], "exp": crate::http::tokens::seconds(2)}));
    let mut stream = Stream::open(&sidecar.client.with_token(&short), STREAM, None).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_at_shutdown() {
    require!("redis-server");
    let redis = RedisServer::start();
    let mut sidecar = crate::support::Process::start(&on_redis(&redis));
    let mut stream = Stream::open(&sidecar.client, STREAM, None).await;
    let ended = tokio::task::spawn_blocking(move || sidecar.terminate());
    assert_eq!(stream.next().await, None);
    assert!(ended.await.unwrap().success());
}
