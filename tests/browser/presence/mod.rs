//! `/presence.js` and `<presence-badge>` in a real browser.

mod app;
mod connections;
mod echo;
mod examples;
mod recovery;
mod sharing;
mod sleep;

use std::time::Duration;

use serde_json::{Value, json};

use self::app::App;
use super::webdriver::Browser;
use crate::support::{Client, Sidecar};

/// A sidecar for pages of any origin.
async fn sidecar(more: &[(&'static str, &str)]) -> Sidecar {
    let mut environment = vec![("PRESENCE__SERVER__ALLOWED_ORIGINS", "*".to_owned())];
    environment.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
    Sidecar::with(&environment).await
}

/// The status that the badge of the page shows.
async fn badge(browser: &Browser) -> Value {
    browser.evaluate("return document.querySelector('presence-badge').getAttribute('status')").await
}

/// Waits until the badge of the page in front shows a status.
async fn badge_shows(browser: &Browser, status: &str, within: Duration) {
    let shown = tokio::time::timeout(within, async {
        while badge(browser).await != status {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let console = async { browser.console().await };
    if shown.await.is_err() {
        panic!("the badge shows {}, not {status}: {:?}", badge(browser).await, console.await);
    }
}

/// Waits until a condition on a metric of the sidecar holds.
async fn metric_becomes(client: &Client, name: &str, expected: f64) {
    let value = async || {
        let metrics = client.get("/metrics").await.text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse::<f64>().ok()).unwrap_or_default()
    };
    for _ in 0..500 {
        if (value().await - expected).abs() < f64::EPSILON {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} is {}, not {expected}", value().await);
}

/// Puts a user online, or ends the presence.
async fn put(client: &Client, user: &str, call: &str) {
    assert_eq!(client.post(&format!("/api/v1/presence/{call}"), json!({"user_id": user})).await.status, 200);
}
