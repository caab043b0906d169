//! When the page polls, and when it pauses.

use serde_json::{Value, json};

use super::Page;

#[tokio::test(flavor = "multi_thread")]
async fn page_does_not_poll_before_the_rate_limit_allows_it() {
    require!("chromedriver");
    let page = Page::with(&[("PRESENCE__MESSAGING__LIMITS__POLL", "1,1")]).await;
    let device = page.register().await;
    page.click("Poll now").await;
    page.wait_for_text("status-text", "Too Many Attempts.").await;
    page.harness.publish(&[&device], "note", json!({"n": 1})).await;
    let polls = "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/poll')).length";
    let before = page.browser.evaluate(&format!("return {polls}")).await;
    page.click("Poll now").await;
    page.browser.evaluate("document.dispatchEvent(new Event('visibilitychange'))").await;
    assert_eq!(page.browser.evaluate(&format!("return {polls}")).await, before);
    let countdown = page.browser.find("//*[@id='countdown']").await.text().await;
    let seconds: u32 = countdown.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    assert!((31..=60).contains(&seconds), "longer than its longest interval: {countdown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_pauses_while_the_tab_is_hidden_or_offline() {
    require!("chromedriver");
    let page = Page::open().await;
    let device = page.register().await;
    let hide = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}); \
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    page.browser.evaluate(&hide(true)).await;
    page.wait_for_state("hidden").await;
    page.harness.publish(&[&device], "note", json!({"text": "unseen"})).await;
    page.click("Poll now").await;
    page.wait_for_state("hidden").await;
    page.browser.evaluate(&hide(false)).await;
    page.wait_for_message("unseen").await;

    let network =
        |offline: bool| json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    page.browser.command("Network.enable", json!({})).await;
    page.browser.command("Network.emulateNetworkConditions", network(true)).await;
    page.wait_for_state("offline").await;
    page.harness.publish(&[&device], "note", json!({"text": "meanwhile"})).await;
    page.browser.command("Network.emulateNetworkConditions", network(false)).await;
    page.wait_for_message("meanwhile").await;
    assert_eq!(page.console_errors().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn poll_interval_grows_from_3_to_30_seconds() {
    require!("chromedriver");
    let page = Page::open().await;
    let code = "return import('/client/poller.js').then(({nextInterval}) => {
        const waits = [nextInterval(0, false)];
        while (waits.length < 8) waits.push(nextInterval(waits.at(-1), false));
        return [waits, nextInterval(30, true), nextInterval(12, true)];
    })";
    let expected = json!([[3, 6, 12, 24, 30, 30, 30, 30], 3, 3]);
    assert_eq!(page.browser.evaluate(code).await, expected);
}
