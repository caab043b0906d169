//! A laptop that sleeps for an hour: its connections are dead without a word, its timers late, its tokens expired.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{App, badge, badge_shows, put};
use crate::browser::webdriver::Browser;
use crate::support::{Process, send_signal};

const HOUR: u32 = 3_600_000;

/// Lets the page's clock advance by `milliseconds`; it stands still otherwise.
async fn advance(browser: &Browser, milliseconds: u32) {
    let policy = json!({"policy": "advance", "budget": milliseconds});
    browser.command("Emulation.setVirtualTimePolicy", policy).await;
}

/// The page's clock, in milliseconds.
async fn now(browser: &Browser) -> f64 {
    browser.evaluate("return Date.now()").await.as_f64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn badge_is_right_within_five_seconds_after_an_hour_of_sleep() {
    require!("chromedriver");
    let sidecar = Process::start(&[("PRESENCE__SERVER__ALLOWED_ORIGINS", "*".to_owned())]);
    let app = App::start(&sidecar.url).await;
    let browser = Browser::start().await;
    // The clock of a shared worker would go on.
    browser.open(&format!("{}&worker=0", app.page("ada", "bob"))).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    badge_shows(&browser, "online", Duration::from_secs(5)).await;
    put(&sidecar.client, "bob", "offline").await;
    badge_shows(&browser, "offline", Duration::from_secs(5)).await;
    // Nothing answers, and nothing closes a connection.
    send_signal("STOP", sidecar.id());
    app.behaviour.lock().unwrap().is_down = true;
    let before = now(&browser).await;
    advance(&browser, HOUR).await;
    let slept = async {
        while now(&browser).await - before < f64::from(HOUR) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), slept).await.expect("an hour passes in the page");
    app.behaviour.lock().unwrap().is_down = false;
    send_signal("CONT", sidecar.id());
    put(&sidecar.client, "bob", "heartbeat").await;
    let woken = Instant::now();
    while badge(&browser).await != "online" {
        assert!(woken.elapsed() < Duration::from_secs(5), "the badge shows {}", badge(&browser).await);
        advance(&browser, 100).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
