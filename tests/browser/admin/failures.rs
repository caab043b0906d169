//! What the page says when a call fails: words that name the cause and the remedy.

use std::time::Duration;

use serde_json::json;

use super::{AdminPage, Sidecar, heartbeats};
use crate::supervision::Server;
use crate::support::{Process, RedisServer, TOKEN, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_token_is_named_and_not_kept() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = AdminPage::open(&sidecar.url).await;
    for token in ["not-a-token-of-this-sidecar", "tökén"] {
        page.sign_in(token).await;
        let shown = page.shows("#token-error", "not a service token").await;
        assert!(shown.contains("PRESENCE_TOKEN"), "{shown}");
        assert_eq!(page.browser.evaluate("return [sessionStorage.length, localStorage.length]").await, json!([0, 0]));
        page.browser.open(&page.url).await;
    }
    page.sign_in(" ").await;
    page.shows("#token-error", "Enter a service token.").await;
    page.sign_in(&format!(" {TOKEN} ")).await;
    page.shows("h1", "Overview").await;
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_forgotten_at_sign_out() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.browser.open(&page.url).await;
    page.shows("h1", "Overview").await;
    let kept = "return [Object.values(sessionStorage).join(), localStorage.length, document.cookie, location.href]";
    assert_eq!(page.browser.evaluate(kept).await, json!([TOKEN, 0, "", page.url]));
    page.click("//button[.='Sign out']").await;
    page.shows("h1", "Sign in").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_token_asks_for_another_one() {
    require!("chromedriver");
    let (old, new) = ("service-token-before-the-reload-0123456789", "service-token-after-the-reload-0123456789");
    let file = |token: &str| format!("[auth]\ntokens = [{token:?}]\n");
    let server = Server::start(&file(old), &[]).await;
    let page = AdminPage::open(&format!("http://{}", server.address)).await;
    page.sign_in(old).await;
    page.shows("h1", "Overview").await;
    std::fs::write(server.config(), file(new)).unwrap();
    server.signal("HUP");
    server.logged("configuration reloaded").await;
    let shown = page.shows(".sign-in", "no longer valid").await;
    assert!(shown.contains("revoked or replaced"), "{shown}");
    page.sign_in(new).await;
    page.shows("h1", "Overview").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_is_away_is_named_until_it_is_back() {
    require!("chromedriver", "redis-server");
    let mut redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    heartbeats(&sidecar.client, "user-", 3).await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.go("#/users").await;
    page.shows("main", "user-3").await;
    let port = redis.port();
    tokio::task::block_in_place(|| redis.stop());
    let shown = page.shows("#trouble", "The store of presence").await;
    assert!(shown.contains(&format!("127.0.0.1:{port}")) && shown.contains("goes on by itself"), "{shown}");
    // What was read stays, and a new tab can sign in.
    assert!(page.text("main").await.contains("user-3"));
    tokio::task::block_in_place(|| redis.run());
    page.browser.find("//div[@id='trouble' and @hidden]").await;
    page.shows("#live", "Live").await;
    // The log is another one: the page reads all again, which may include the first of these users.
    let mut late = 0;
    while page.text(".note:not([hidden])").await.is_empty() {
        late += 1;
        assert!(late < 10, "{}", page.text("body").await);
        heartbeats(&sidecar.client, &format!("late-{late}-"), 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    page.shows(".note", "changed since this page was read").await;
    page.click("//button[.='Read again']").await;
    page.shows("main table", &format!("late-{late}-1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_read_again_after_a_call_that_found_the_store_away() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    heartbeats(&sidecar.client, "user-", 3).await;
    let page = AdminPage::signed_in(&sidecar).await;
    // The store is back before anything else is asked.
    page.browser
        .evaluate(
            "const whole = window.fetch; \
             window.fetch = (address, options) => { \
               if (!String(address).includes('/roster')) return whole(address, options); \
               window.fetch = whole; \
               return Promise.resolve(new Response('{\"message\": \"The store is not available.\"}', {status: 503})); \
             };",
        )
        .await;
    page.go("#/users").await;
    page.shows("#toast", "The store is not available").await;
    page.shows("main table", "user-3").await;
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_that_does_not_answer_is_named_until_it_is_back() {
    require!("chromedriver");
    let environment = [("PRESENCE_LISTEN", format!("127.0.0.1:{}", free_port()))];
    let mut sidecar = Process::start(&environment);
    let page = AdminPage::open(&sidecar.url).await;
    page.sign_in(TOKEN).await;
    page.shows("#live", "Live").await;
    sidecar.kill();
    page.shows("#trouble", "The sidecar does not answer").await;
    page.shows("#live", "Reconnecting").await;
    let sidecar = tokio::task::spawn_blocking(move || Process::start(&environment)).await.unwrap();
    page.browser.find("//div[@id='trouble' and @hidden]").await;
    page.shows("#live", "Live").await;
    heartbeats(&sidecar.client, "back-", 1).await;
    page.shows("main", "back-1").await;
}
