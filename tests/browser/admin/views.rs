//! What the views show and do.

use serde_json::json;

use super::{AdminPage, Sidecar, TOKEN, heartbeats};
use crate::messaging::{Harness, OPERATOR};
use crate::support::{Engine, Reaction, Receiver, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn overview_counts_users_and_follows_the_change_log() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    heartbeats(&sidecar.client, "user-", 9).await;
    let page = AdminPage::signed_in(&sidecar).await;
    let tiles = page.shows(".tiles", "Heartbeats").await;
    assert!(tiles.contains("Online\n6\n") && tiles.contains("Away\n3\n"), "{tiles}");
    page.shows("#live", "Live").await;
    let scope = json!({"tenant": "acme", "guard": "api"});
    sidecar.client.post("/api/v1/presence/online", json!({"user_id": "ad/a :1", "scope": scope})).await;
    let row = page.shows("#changes + div tbody tr", "ad/a :1").await;
    assert!(row.contains("online") && row.contains("tenant acme · guard api"), "{row}");
    // The scope is known now, and counted at the next poll.
    let scopes = page.shows("#scopes + div", "tenant acme · guard api").await;
    assert!(scopes.contains("1\t0"), "{scopes}");
    // The link leads to the user in that scope.
    page.click("//section//a[.='ad/a :1']").await;
    page.shows("h1", "ad/a :1").await;
    page.shows(".facts", "presence|acme|guard:api").await;
    assert!(page.text("#scope-text").await.contains("tenant acme · guard api"));
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_were_left_hold_no_connection_and_go_on_when_they_are_back() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = AdminPage::signed_in(&sidecar).await;
    // More than a browser opens connections to a host.
    for number in 1..=8 {
        page.browser.open(&format!("{}?page={number}", page.url)).await;
        page.shows(".tiles", "Heartbeats").await;
    }
    page.browser.back().await;
    page.shows("#live", "Live").await;
    heartbeats(&sidecar.client, "back-", 1).await;
    page.shows("#changes + div", "back-1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_filtered_paged_and_kept_right() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    heartbeats(&sidecar.client, "u", 250).await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.go("#/users").await;
    page.shows(".title", "250 users present: 167 online, 83 away").await;
    let shown = "return [...document.querySelectorAll('tbody tr')].map(row => row.dataset.id)";
    let mut seen = std::collections::BTreeSet::new();
    for number in 1..=3 {
        page.shows(".pages", &format!("Page {number}")).await;
        seen.extend(page.browser.evaluate(shown).await.as_array().unwrap().iter().map(ToString::to_string));
        if number < 3 {
            page.click("//a[.='Next']").await;
        }
    }
    assert_eq!(seen.len(), 250, "each user is on one page");
    page.click("//a[.='Previous']").await;
    page.shows(".pages", "Page 2").await;
    page.click("//a[.='Away']").await;
    page.shows(".choices [aria-current]", "Away").await;
    page.browser.find("//tbody[count(tr)=83]").await;
    // A change of a user on the page is shown at once; one of another user is counted.
    sidecar.client.post("/api/v1/presence/offline", json!({"user_id": "u3"})).await;
    page.shows("tr[data-id=u3]", "offline").await;
    sidecar.client.heartbeat("newcomer").await;
    page.shows(".note", "1 other user has changed since this page was read.").await;
    let field = page.browser.find("//input[@id='user-id']").await;
    field.type_in("u5\u{e007}").await;
    page.shows("h1", "u5").await;
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn user_has_a_timeline_and_reasons_that_follow_the_user() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.go("#/users/us%2Fer%3A7%20%C3%BC%2B").await;
    page.shows("h1", "us/er:7 ü+").await;
    page.shows(".title", "offline").await;
    let call = async |name: &str| {
        let body = json!({"user_id": "us/er:7 ü+", "session": "laptop"});
        assert_eq!(sidecar.client.post(&format!("/api/v1/presence/{name}"), body).await.status, 200);
    };
    call("heartbeat").await;
    page.shows(".title", "online").await;
    let why = page.shows("[aria-labelledby=why]", "A heartbeat of an active session came at").await;
    assert!(why.contains("What would change it") && why.contains("away in"), "{why}");
    page.shows("[aria-labelledby=sessions]", "laptop").await;
    call("offline").await;
    page.shows(".title", "offline").await;
    let timeline = page.shows(".timeline", "online → offline").await;
    assert!(timeline.find("online → offline") < timeline.find("offline → online"), "newest first: {timeline}");
    assert!(timeline.contains("offline") && timeline.contains("heartbeat"), "{timeline}");
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_replayed() {
    require!("chromedriver");
    let is_up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let up = is_up.clone();
    let receiver = Receiver::reacting(move |_| match up.load(std::sync::atomic::Ordering::SeqCst) {
        true => Reaction::Answer(200, ""),
        false => Reaction::Answer(500, ""),
    })
    .await;
    let sidecar = Sidecar::with(&[
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
        ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", "3s".to_owned()),
    ])
    .await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.go("#/deliveries").await;
    page.shows("main", "Nothing waits.").await;
    for user in ["ada", "bob"] {
        sidecar.client.heartbeat(user).await;
    }
    page.shows("tbody", "ada").await;
    page.shows("main", "Nothing waits.").await;
    page.click("//a[.='Dead letters']").await;
    let row = page.shows("tbody", "bob").await;
    assert!(row.contains("status 500") || row.contains("500"), "{row}");
    is_up.store(true, std::sync::atomic::Ordering::SeqCst);
    let before = receiver.posts().len();
    page.click("//tr[.//a[.='ada']]//button[.='Replay']").await;
    page.shows("#toast", "Queued again.").await;
    let posts = receiver.wait_for(before + 1).await;
    assert_eq!(posts.last().unwrap().json()["user_id"], "ada");
    page.click("//button[@id='replay-all']").await;
    page.shows("dialog[open]", "Replay dead letters").await;
    page.click("//dialog//button[.='Replay all']").await;
    let posts = receiver.wait_for(before + 2).await;
    assert_eq!(posts.last().unwrap().json()["user_id"], "bob");
    page.shows("main", "No dead letters.").await;
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_need_an_operator_token() {
    require!("chromedriver");
    let harness = Harness::on(TestDatabase::create(Engine::Sqlite), &[]).await;
    let device = harness.register("one").await;
    harness.publish(&[&device], "note", json!({"text": "The courier is here"})).await;
    let page = AdminPage::open(&harness.sidecar.url).await;
    page.sign_in(TOKEN).await;
    page.shows("h1", "Overview").await;
    page.go("#/messages").await;
    let unlock = async |token: &str| {
        let field = page.browser.find("//input[@id='operator']").await;
        field.clear().await;
        field.type_in(&format!("{token}\u{e007}")).await;
    };
    unlock("not-an-operator-token").await;
    page.shows("#operator-error", "not an operator token").await;
    unlock(OPERATOR).await;
    page.shows("tbody", &device.id).await;
    page.click("//tbody//a").await;
    page.shows("tbody", "The courier is here").await;
    page.click("//button[.='Revoke…']").await;
    page.click("//dialog//button[.='Revoke']").await;
    page.shows("#toast", "The client was revoked.").await;
    assert_eq!(device.poll("").await.status, 401);
    page.go("#/messages?jobs=dead").await;
    page.shows("main", "No dead publications.").await;
    assert!(page.faults().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_show_problems_first_and_what_is_set() {
    require!("chromedriver");
    let sidecar = Sidecar::with(&[("PRESENCE_TTL", "277".to_owned())]).await;
    let page = AdminPage::signed_in(&sidecar).await;
    page.go("#/settings").await;
    // The store in memory is one that the app cannot read.
    page.shows("#checks", "Checks").await;
    page.shows("main", "1 problem found.").await;
    let first = page.text("tbody tr").await;
    assert!(first.contains("store") && first.contains("Fix") && first.contains("PRESENCE_CACHE_STORE"), "{first}");
    let rows = "return [...document.querySelectorAll('tr[data-id]')].map(row => row.dataset.id)";
    let set = page.browser.evaluate(rows).await;
    assert!(set.as_array().unwrap().contains(&json!("cache.ttl_seconds")), "{set}");
    assert!(!set.as_array().unwrap().contains(&json!("log.filter")), "{set}");
    page.click("//a[.='All']").await;
    page.shows("tr[data-id='log.filter']", "default").await;
    assert!(!page.text("main").await.contains(TOKEN), "the token is masked");
    assert!(page.faults().await.is_empty());
}
