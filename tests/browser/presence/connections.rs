//! A page that keeps its user online.

use std::time::Duration;

use serde_json::json;

use super::{App, put, sidecar};
use crate::browser::webdriver::Browser;
use crate::support::Client;

async fn becomes(client: &Client, user: &str, status: &str, within: Duration) {
    let path = format!("/api/v1/presence/status/{user}");
    let waited = tokio::time::timeout(within, async {
        while client.get(&path).await.json["status"] != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{user} is {}, not {status}", client.get(&path).await.json["status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_keeps_its_user_online_and_back_from_the_cache_is_online_within_a_second() {
    require!("chromedriver");
    let sidecar = sidecar(&[("PRESENCE__STREAM__GRACE_SECONDS", "4")]).await;
    let app = App::start(&sidecar.url).await;
    let browser = Browser::start().await;
    let page = format!("{}&presence=1", app.page("ada", "bob"));
    browser.open(&page).await;
    becomes(&sidecar.client, "ada", "online", Duration::from_secs(10)).await;
    // A reload is no transition.
    browser.open(&page).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let history = sidecar.client.get("/api/v1/presence/history/ada").await.json;
    assert_eq!(history["data"].as_array().unwrap().len(), 1, "{history}");
    // Another site: the session ends after the grace.
    browser.open(&format!("{}/other", app.url)).await;
    becomes(&sidecar.client, "ada", "offline", Duration::from_secs(15)).await;
    browser.back().await;
    becomes(&sidecar.client, "ada", "online", Duration::from_secs(1)).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    super::badge_shows(&browser, "online", Duration::from_secs(5)).await;
    assert_eq!(browser.evaluate("return presence.open").await, json!(true));
}
