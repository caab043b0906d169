//! Tabs that share a connection, and tabs that must not.

use std::time::Duration;

use super::{App, badge_shows, metric_becomes, put, sidecar};
use crate::browser::webdriver::Browser;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn seven_tabs_of_one_user_share_one_connection() {
    require!("chromedriver");
    // A worker, and without one a tab that leads the others.
    for worker in ["1", "0"] {
        let sidecar = sidecar(&[]).await;
        let app = App::start(&sidecar.url).await;
        let browser = Browser::start().await;
        let page = format!("{}&worker={worker}", app.page("ada", "bob"));
        browser.open(&page).await;
        let mut tabs = vec![browser.handle().await];
        for _ in 0..6 {
            tabs.push(browser.open_tab(&page).await);
        }
        put(&sidecar.client, "bob", "heartbeat").await;
        for tab in &tabs {
            browser.switch_to(tab).await;
            badge_shows(&browser, "online", SOON).await;
        }
        metric_becomes(&sidecar.client, "presence_streams_open", 1.0).await;
        // The tab that led is gone: another one takes its place.
        browser.switch_to(&tabs[0]).await;
        browser.close_tab().await;
        put(&sidecar.client, "bob", "offline").await;
        for tab in &tabs[1..] {
            browser.switch_to(tab).await;
            badge_shows(&browser, "offline", SOON).await;
        }
        metric_becomes(&sidecar.client, "presence_streams_open", 1.0).await;
        let errors = browser.console().await;
        assert!(errors.iter().all(|entry| entry["message"].as_str().unwrap().contains("favicon")), "{errors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_of_two_users_tenants_or_guards_never_share() {
    require!("chromedriver");
    let sidecar = sidecar(&[("PRESENCE__SCOPE__RESOLVER__TENANT", "claim:tenant")]).await;
    let app = App::start(&sidecar.url).await;
    let browser = Browser::start().await;
    browser.open(&app.page("ada", "bob")).await;
    browser.open_tab(&app.page("eve", "bob")).await;
    let tenant = browser.open_tab(&format!("{}&tenant=acme", app.page("ada", "bob"))).await;
    let guard = browser.open_tab(&format!("{}&guard=admin", app.page("ada", "bob"))).await;
    metric_becomes(&sidecar.client, "presence_streams_open", 4.0).await;
    put(&sidecar.client, "bob", "heartbeat").await;
    for tab in [&tenant, &guard] {
        browser.switch_to(tab).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        badge_shows(&browser, "offline", SOON).await;
    }
}
