//! Browsers that are behind the end of the log: what they may not see costs them no turn.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::raw_stream::RawStream;
use crate::http::tokens::token;
use crate::support::{Sidecar, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_browsers_skip_three_hundred_pages_within_seconds() {
    slow!();
    let environment = [("PRESENCE__STREAM__MAX_PER_ADDRESS", "1000".to_owned())];
    let sidecar = Sidecar::with(&environment).await;
    // While one stream is open, the pages at the end of the log stay in memory.
    let mut keeper = RawStream::open(&sidecar.url, TOKEN, "0-0").await;
    sidecar.client.heartbeat("first").await;
    let start = sidecar.client.get("/api/v1/presence/changes").await.json["next_cursor"].as_str().unwrap().to_owned();
    // Each change is a page of its own, as one that is read at once.
    for user in 0..300 {
        let body = json!({"user_id": user});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 200);
        assert!(keeper.read_until(&format!("\"user_id\":{user},")).await);
    }
    sidecar.client.heartbeat("last").await;
    let browsers = (0..300).map(|number| {
        let token = token(format!("ada-{number}"), json!({"watch": ["last"]}));
        let (url, start) = (sidecar.url.clone(), start.clone());
        async move { RawStream::open(&url, &token, &start).await.read_until("\"user_id\":\"last\"").await }
    });
    let all = timeout(Duration::from_secs(8), futures_util::future::join_all(browsers)).await;
    assert!(all.expect("the browsers catch up").into_iter().all(|has_event| has_event));
}
