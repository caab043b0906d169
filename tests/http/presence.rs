//! The presence operations for applications.

use reqwest::Method;
use serde_json::json;

use crate::support::Sidecar;

#[tokio::test]
async fn user_comes_online_goes_away_and_offline() {
    let sidecar = Sidecar::start().await;
    let client = &sidecar.client;
    let first = client.post("/api/v1/presence/heartbeat", json!({"user_id": 42, "meta": {"device": "phone"}})).await;
    assert_eq!((first.status, &first.json["transition"]), (200, &json!("came_online")), "{}", first.text);
    assert_eq!(client.heartbeat(42).await.json["transition"], json!(null));
    let status = client.get("/api/v1/presence/status/42").await;
    assert_eq!((&status.json["status"], &status.json["meta"]), (&json!("online"), &json!([])));
    let idle = client.post("/api/v1/presence/heartbeat", json!({"user_id": 42, "active": false})).await;
    assert_eq!(idle.json["status"], "away");
    let counts = client.get("/api/v1/presence/counts").await;
    assert_eq!(counts.json, json!({"online": 0, "away": 1, "present": 1}));
    let offline = client.post("/api/v1/presence/offline", json!({"user_id": 42})).await;
    assert_eq!((&offline.json["status"], &offline.json["transition"]), (&json!("offline"), &json!("went_offline")));
    assert!(offline.json["last_online_at"].is_string());
    let events: Vec<_> = client.changes().await.into_iter().map(|change| change["event"].clone()).collect();
    assert_eq!(events, ["online", "away", "offline"]);
}

#[tokio::test]
async fn integer_and_string_id_name_one_presence_and_keep_their_type() {
    let sidecar = Sidecar::start().await;
    assert_eq!(sidecar.client.heartbeat(7).await.json["transition"], "came_online");
    assert_eq!(sidecar.client.heartbeat("7").await.json["transition"], json!(null));
    let roster = sidecar.client.get("/api/v1/presence/roster").await;
    assert_eq!(roster.json["data"][0]["user_id"], "7");
    sidecar.client.heartbeat(7).await;
    let roster = sidecar.client.get("/api/v1/presence/roster").await;
    assert_eq!((&roster.json["data"][0]["user_id"], roster.json["data"].as_array().unwrap().len()), (&json!(7), 1));
}

#[tokio::test]
async fn whole_number_with_a_decimal_point_is_an_integer() {
    let sidecar = Sidecar::start().await;
    let client = &sidecar.client;
    let body = json!({"user_id": 7.0, "sent_at": 1e3, "scope": {"tenant": -2.0}});
    assert_eq!(client.post("/api/v1/presence/heartbeat", body).await.status, 200);
    let member = &client.get("/api/v1/presence/roster?tenant=-2").await.json["data"][0];
    assert_eq!(member["user_id"].to_string(), "7");
    // -2^63 - 1 has no 64 bits, though the nearest floating-point number is -2^63.
    let smallest =
        client.request(Method::POST, "/api/v1/presence/heartbeat").header("content-type", "application/json");
    let response = client.send(smallest.body("{\"user_id\": 1, \"sent_at\": -9223372036854775809}")).await;
    assert_eq!(response.status, 422, "{}", response.text);
}

#[tokio::test]
async fn many_returns_each_user_once_in_request_order() {
    let sidecar = Sidecar::start().await;
    sidecar.client.heartbeat(1).await;
    let many = sidecar.client.post("/api/v1/presence/many", json!({"user_ids": ["01", "1", 1, "x"]})).await;
    let users: Vec<_> =
        many.json.as_object().unwrap().iter().map(|(id, view)| (id.as_str(), view["status"].clone())).collect();
    assert_eq!(users, [("01", json!("offline")), ("1", json!("online")), ("x", json!("offline"))]);
    assert_eq!(sidecar.client.post("/api/v1/presence/many", json!({"user_ids": []})).await.json, json!({}));
}

#[tokio::test]
async fn heartbeats_are_applied_in_order_with_a_result_each() {
    let sidecar = Sidecar::start().await;
    let mut heartbeats: Vec<_> = (0..998).map(|user| json!({"user_id": user})).collect();
    heartbeats.extend([json!({"user_id": 5, "active": false}), json!({"user_id": 5, "meta": {"last": true}})]);
    let response = sidecar.client.post("/api/v1/presence/heartbeats", json!(heartbeats)).await;
    let results = response.json.as_array().unwrap();
    assert_eq!(results.len(), 1_000);
    assert!(results[..998].iter().all(|result| result["transition"] == "came_online"));
    assert_eq!((&results[998]["status"], &results[999]["status"]), (&json!("away"), &json!("online")));
    assert_eq!(sidecar.client.get("/api/v1/presence/status/5").await.json["meta"], json!({"last": true}));
}

#[tokio::test]
async fn heartbeats_of_one_request_are_each_in_their_own_scope() {
    let sidecar = Sidecar::start().await;
    let scopes =
        [json!({}), json!({"tenant": "Acme"}), json!({"tenant": "acme"}), json!({"tenant": "beta"}), json!({})];
    let heartbeats = scopes.iter().zip(1..).map(|(scope, user)| json!({"user_id": user, "scope": scope}));
    let heartbeats: Vec<_> = heartbeats.chain([json!({"user_id": 6})]).collect();
    let results = sidecar.client.post("/api/v1/presence/heartbeats", json!(heartbeats)).await;
    assert_eq!(results.json.as_array().unwrap().len(), 6);
    let members = async |query: &str| {
        let roster = sidecar.client.get(&format!("/api/v1/presence/roster{query}")).await.json;
        let ids = roster["data"].as_array().unwrap().iter().map(|member| member["user_id"].as_i64().unwrap());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(members("").await, [1, 5, 6]);
    assert_eq!(members("?tenant=acme").await, [2, 3]);
    assert_eq!(members("?tenant=beta").await, [4]);
    let refused = json!([{"user_id": 7}, {"user_id": 8, "scope": {"tenant": "a|b"}}]);
    assert_eq!(sidecar.client.post("/api/v1/presence/heartbeats", refused).await.status, 422);
    assert_eq!(members("").await, [1, 5, 6]);
}

#[tokio::test]
async fn roster_pages_have_no_gaps_and_no_duplicates() {
    let sidecar = Sidecar::start().await;
    let heartbeats: Vec<_> = (0..25).map(|user| json!({"user_id": user, "active": user % 3 != 0})).collect();
    sidecar.client.post("/api/v1/presence/heartbeats", json!(heartbeats)).await;
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = sidecar.client.get(&format!("/api/v1/presence/roster?limit=10{cursor}")).await.json;
        found.extend(page["data"].as_array().unwrap().iter().map(|member| member["user_id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    found.sort_unstable();
    assert_eq!(found, (0..25).collect::<Vec<_>>());
    let away = sidecar.client.get("/api/v1/presence/roster?status=away").await.json;
    assert_eq!(away["data"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn status_is_derived_from_all_sessions() {
    let sidecar = Sidecar::start().await;
    let heartbeat = async |session: &str, active: bool| {
        let body = json!({"user_id": 1, "session": session, "active": active});
        sidecar.client.post("/api/v1/presence/heartbeat", body).await.json
    };
    heartbeat("phone", false).await;
    let both = heartbeat("desk", true).await;
    let statuses: Vec<_> =
        both["sessions"].as_array().unwrap().iter().map(|tab| (&tab["id"], &tab["status"])).collect();
    assert_eq!(statuses, [(&json!("phone"), &json!("away")), (&json!("desk"), &json!("online"))]);
    let left = sidecar.client.post("/api/v1/presence/offline", json!({"user_id": 1, "session": "desk"})).await;
    assert_eq!((&left.json["status"], &left.json["transition"]), (&json!("away"), &json!(null)));
}

#[tokio::test]
async fn stale_heartbeat_changes_nothing_and_returns_the_current_presence() {
    let sidecar = Sidecar::start().await;
    let call = async |call: &str, session: &str, sent_at: Option<i64>| {
        let body = json!({"user_id": 1, "session": session, "sent_at": sent_at});
        let response = sidecar.client.post(&format!("/api/v1/presence/{call}"), body).await.json;
        (response["status"].clone(), response["transition"].clone())
    };
    let (online, offline, nothing) = (json!("online"), json!("offline"), json!(null));
    assert_eq!(call("heartbeat", "tab", Some(1_000)).await.0, online);
    assert_eq!(call("offline", "tab", Some(2_000)).await, (offline.clone(), json!("went_offline")));
    for late in ["heartbeat", "online"] {
        assert_eq!(call(late, "tab", Some(2_000)).await, (offline.clone(), nothing.clone()));
    }
    let batch = json!([{"user_id": 1, "session": "tab", "sent_at": 1_999}, {"user_id": 1, "session": "desk"}]);
    let results = sidecar.client.post("/api/v1/presence/heartbeats", batch).await.json;
    assert_eq!([&results[0]["status"], &results[1]["transition"]], [&offline, &json!("came_online")]);
    assert_eq!(call("heartbeat", "tab", Some(1_999)).await, (online.clone(), nothing.clone()));
    let sessions = sidecar.client.get("/api/v1/presence/status/1").await.json["sessions"].clone();
    assert_eq!((sessions.as_array().unwrap().len(), &sessions[0]["id"]), (1, &json!("desk")));
    assert_eq!(call("heartbeat", "tab", Some(2_001)).await, (online, nothing));
}

#[tokio::test]
async fn timeouts_put_users_away_and_offline() {
    let environment = [("PRESENCE_TTL", "2".to_owned()), ("PRESENCE_AWAY_AFTER", "1".to_owned())];
    let sidecar = Sidecar::with(&environment).await;
    sidecar.client.heartbeat(1).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let events: Vec<_> = sidecar.client.changes().await.into_iter().map(|change| change["event"].clone()).collect();
        if events == ["online", "away", "offline"] {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{events:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let metrics = sidecar.client.get("/metrics").await.text;
    assert!(metrics.contains("presence_detection_lag_seconds_count 2"), "{metrics}");
}

#[tokio::test]
async fn server_with_several_workers_serves_requests() {
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__WORKERS", "3".to_owned())]).await;
    assert_eq!(sidecar.client.heartbeat(1).await.json["transition"], "came_online");
    assert_eq!(sidecar.client.get("/api/v1/presence/status/1").await.json["status"], "online");
    let many = sidecar.client.post("/api/v1/presence/many", json!({"user_ids": [1, 2]})).await;
    assert_eq!([&many.json["1"]["status"], &many.json["2"]["status"]], ["online", "offline"]);
}
