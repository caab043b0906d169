//! The page for all: axe without a finding, the keyboard alone, each width and colour scheme.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AdminPage, ENTER, ESCAPE, Sidecar, TAB, TOKEN, heartbeats};
use crate::messaging::{Harness, OPERATOR};
use crate::support::{Client, Engine, TestDatabase, test_tool};

const AXE: &str = "axe-core/node_modules/axe-core/axe.min.js";

/// The findings of axe on the page as it is.
async fn findings(page: &AdminPage, axe: &str) -> Value {
    page.browser.evaluate(&format!("if (!window.axe) {{ {axe} }}")).await;
    let run = "return axe.run(document).then(({violations}) => violations.map(({id, nodes}) =>
        [id, nodes.map(({html, failureSummary}) => html + ' ' + failureSummary)]))";
    page.browser.evaluate(run).await
}

/// Waits until there is a dead letter.
async fn dead_letter(client: &Client) {
    let is_there = async {
        while client.get("/api/v1/webhooks/deliveries?state=dead").await.json["data"][0].is_null() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_there).await.expect("a delivery becomes a dead letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_in_any_view_width_or_scheme() {
    let axe_file = test_tool(AXE);
    require!("chromedriver", &axe_file);
    let axe = std::fs::read_to_string(&axe_file).unwrap();
    // Nothing listens there: its deliveries become dead letters.
    let webhook = [
        ("PRESENCE_DRIVER", "webhook"),
        ("PRESENCE_WEBHOOK_URL", "http://127.0.0.1:9/"),
        ("PRESENCE_WEBHOOK_SECRET", "secret"),
        ("PRESENCE__WEBHOOK__SCHEDULE", "1s"),
    ];
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &webhook).await;
    let client = &harness.sidecar.client;
    let device = harness.register("one").await;
    harness.publish(&[&device], "note", json!({"text": "Hello"})).await;
    let page = AdminPage::open(&harness.sidecar.url).await;
    page.shows("h1", "Sign in").await;
    assert_eq!(findings(&page, &axe).await, json!([]));
    page.sign_in(TOKEN).await;
    page.shows("#live", "Live").await;
    client.heartbeat("user-1").await;
    dead_letter(client).await;
    heartbeats(client, "user-", 12).await;
    page.browser.evaluate(&format!("sessionStorage.setItem('presence-sidecar.admin.operator', '{OPERATOR}')")).await;
    let messages = format!("#/messages?client={}", device.id);
    let views = [
        ("overview", "#/overview", "#changes + div tbody", "user-1"),
        ("users", "#/users", "tbody", "user-1"),
        ("user", "#/users/user-1", ".timeline", "offline → online"),
        ("deliveries", "#/deliveries?state=dead", "tbody", "user-1"),
        ("clients", "#/messages", "tbody", &device.id),
        ("messages", &messages, "tbody", "Hello"),
        ("settings", "#/settings?show=all", "main", "found."),
    ];
    for scheme in ["light", "dark"] {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        page.browser.command("Emulation.setEmulatedMedia", features).await;
        for (width, height) in [(1280, 900), (390, 844)] {
            page.browser.resize(width, height).await;
            for (name, hash, selector, text) in views {
                page.go(hash).await;
                page.shows(selector, text).await;
                let overflow = "return Math.max(0, document.documentElement.scrollWidth - innerWidth)";
                assert_eq!(page.browser.evaluate(overflow).await, json!(0), "{name}, {width} px");
                assert_eq!(findings(&page, &axe).await, json!([]), "{name}, {scheme}, {width} px");
                page.browser.save_screenshot(&format!("admin-{name}-{scheme}-{width}")).await;
            }
        }
    }
    page.click("//summary").await;
    page.shows("#scope-form", "Tenant").await;
    assert_eq!(findings(&page, &axe).await, json!([]), "the scope");
    page.go("#/deliveries?state=dead").await;
    page.shows("h1", "Deliveries").await;
    page.click("//button[@id='replay-all']").await;
    page.shows("dialog[open]", "Replay dead letters").await;
    assert_eq!(findings(&page, &axe).await, json!([]), "the dialog");
    assert!(page.faults().await.is_empty());
}

/// Presses Tab until the focused element has this text or id; each element on the way shows that it has the focus.
async fn tab_to(page: &AdminPage, name: &str) {
    let focused = "const element = document.activeElement, {outlineStyle, outlineWidth} = getComputedStyle(element);
        return [element.innerText, element.id, element === document.body ||
            element.matches(':focus-visible') && outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2]";
    for _ in 0..60 {
        page.browser.press(&TAB.to_string()).await;
        let found = page.browser.evaluate(focused).await;
        assert_eq!(found[2], json!(true), "the focus on {found} cannot be seen");
        if found[0] == name || found[1] == name {
            return;
        }
    }
    panic!("Tab does not lead to {name}: {}", page.text("body").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_used_with_the_keyboard_alone() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    heartbeats(&sidecar.client, "user-", 4).await;
    let page = AdminPage::open(&sidecar.url).await;
    let press = async |key: char| page.browser.press(&key.to_string()).await;
    let focus = async || {
        page.browser.evaluate("return document.activeElement.tagName + document.activeElement.innerText").await
    };
    page.shows("h1", "Sign in").await;
    page.browser.press(TOKEN).await;
    press(ENTER).await;
    page.shows("h1", "Overview").await;
    tab_to(&page, "Users").await;
    press(ENTER).await;
    page.shows("h1", "Users").await;
    assert_eq!(focus().await, "H1Users", "a new view begins at its title");
    page.shows("tbody", "user-1").await;
    tab_to(&page, "Away").await;
    press(ENTER).await;
    page.browser.find("//tbody[count(tr)=1]").await;
    assert_eq!(focus().await, "AAway", "a filter keeps the focus");
    tab_to(&page, "user-3").await;
    press(ENTER).await;
    page.shows("h1", "user-3").await;
    // The scope.
    page.browser.evaluate("document.activeElement.blur()").await;
    tab_to(&page, "Scope default").await;
    press(ENTER).await;
    tab_to(&page, "scope-tenant").await;
    page.browser.press("acme").await;
    press(ENTER).await;
    page.shows("#scope-text", "tenant acme").await;
    assert_eq!(page.browser.evaluate("return location.hash").await, "#/users/user-3?tenant=acme");
    // A dialog, and the way back out of it.
    page.go("#/deliveries?state=dead").await;
    page.shows("main", "No dead letters.").await;
    tab_to(&page, "replay-all").await;
    press(ENTER).await;
    page.shows("dialog[open]", "Replay dead letters").await;
    press(ESCAPE).await;
    page.browser.find("//dialog[not(@open)]").await;
    assert_eq!(focus().await, "BUTTONReplay all…");
    // The skip link is the first stop.
    page.browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)").await;
    tab_to(&page, "skip").await;
    press(ENTER).await;
    assert_eq!(page.browser.evaluate("return document.activeElement.id").await, "main");
}
