//! When it polls, and when not.

use serde_json::{Value, json};

use super::Page;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_be_left_alone_is() {
    let page = Page::with(&[("PRESENCE__MESSAGING__LIMITS__POLL", "1,1")]).await;
    let device = page.register().await;
    page.click("Poll now").await;
    page.wait_for_words("status-text", "Too Many Attempts.").await;
    page.harness.publish(&[&device], "note", json!({"n": 1})).await;
    let asked = "performance.getEntriesByType('resource').filter(entry => entry.name.includes('/poll')).length";
    let before = page.browser.evaluate(&format!("return {asked}")).await;
    page.click("Poll now").await;
    page.browser.evaluate("document.dispatchEvent(new Event('visibilitychange'))").await;
    assert_eq!(page.browser.evaluate(&format!("return {asked}")).await, before);
    let countdown = page.browser.find("//*[@id='countdown']").await.text().await;
    let seconds: u32 = countdown.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
    assert!((31..=60).contains(&seconds), "longer than any pause of its own: {countdown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_rests_while_nobody_looks_or_there_is_no_network() {
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
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_grow_from_three_seconds_to_thirty() {
    let page = Page::open().await;
    let code = "return import('/client/poller.js').then(({pace}) => {
        const waits = [pace(0, false)];
        while (waits.length < 8) waits.push(pace(waits.at(-1), false));
        return [waits, pace(30, true), pace(12, true)];
    })";
    let expected = json!([[3, 6, 12, 24, 30, 30, 30, 30], 3, 3]);
    assert_eq!(page.browser.evaluate(code).await, expected);
}
