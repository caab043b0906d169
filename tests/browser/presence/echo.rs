//! Laravel Echo and pusher-js in a page, with a server that behaves as Reverb and a sidecar that publishes to it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::App;
use crate::browser::webdriver::Browser;
use crate::support::{Client, HeldPort, Reverb, Sidecar, test_tool};

const SOON: Duration = Duration::from_secs(15);

const PAGE: &str = "<!doctype html><html lang=en><title>Echo</title><script src=/pusher.js></script>\
    <script src=/echo.js></script><script type=module src=/echo-app.js></script><p>";

/// Badges of the query's `users`, and what Echo hears.
const SCRIPT: &str = "
    import {connect} from '/presence.js';
    const query = new URLSearchParams(location.search);
    window.heard = [];
    window.shown = () => [...document.querySelectorAll('presence-badge')].map(badge => badge.getAttribute('status'));
    window.Echo = new (Echo.default ?? Echo)({broadcaster: 'reverb', key: 'app-key', wsHost: '127.0.0.1',
      wsPort: query.get('port'), forceTLS: false, enabledTransports: ['ws'], disableStats: true});
    for (const user of JSON.parse(query.get('users'))) {
      const badge = document.createElement('presence-badge');
      badge.setAttribute('user', user);
      document.querySelector('p').append(badge);
    }
    Echo.channel('status.global').subscribed(() => { window.isListening = true; })
      .listen('.presence.updated', change => heard.push([change.user_id, change.seq, change.status]));
    connect({echo: Echo});
";

/// Where `tests/run` puts Echo, and pusher-js.
fn libraries() -> [String; 2] {
    [
        test_tool("laravel-echo/node_modules/laravel-echo/dist/echo.iife.js"),
        test_tool("pusher-js/node_modules/pusher-js/dist/web/pusher.min.js"),
    ]
}

/// Waits until an expression of the page has a value.
async fn becomes(browser: &Browser, expression: &str, expected: &Value, within: Duration) {
    let script = format!("return {expression}");
    let reached = tokio::time::timeout(within, async {
        while browser.evaluate(&script).await != *expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    if reached.await.is_err() {
        let value = browser.evaluate(&script).await;
        panic!("{expression} is {value}, not {expected}: {:?}", browser.console().await);
    }
}

/// Opens the page with badges of `users`, and waits until it listens.
async fn open(browser: &Browser, app: &App, server: &Reverb, users: &[&str]) {
    app.serve("/echo", "text/html", PAGE);
    app.serve("/echo-app.js", "text/javascript", SCRIPT);
    for (path, file) in ["/echo.js", "/pusher.js"].into_iter().zip(libraries()) {
        app.serve(path, "text/javascript", std::fs::read_to_string(file).unwrap());
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("port", &server.port.to_string())
        .append_pair("users", &json!(users).to_string())
        .finish();
    browser.open(&format!("{}/echo?{query}", app.url)).await;
    becomes(browser, "window.isListening === true", &json!(true), SOON).await;
}

/// Calls for all of `users` at once.
async fn call(client: &Client, call: &str, users: impl Iterator<Item = Value>) {
    let path = format!("/api/v1/presence/{call}");
    let calls = users.map(|user| client.post(&path, json!({"user_id": user, "meta": {"text": "x".repeat(200)}})));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_hears_a_thousand_transitions_of_200_users_in_order_and_none_twice() {
    let [echo, pusher] = libraries();
    require!("chromedriver", &echo, &pusher);
    let server = Reverb::start().await;
    let sidecar = Sidecar::with(&server.environment()).await;
    let (app, browser) = (App::start(&sidecar.url).await, Browser::start().await);
    open(&browser, &app, &server, &["7"]).await;
    for round in 0..5 {
        let name = if round % 2 == 0 { "heartbeat" } else { "offline" };
        call(&sidecar.client, name, (0..200).map(|user| json!(user))).await;
    }
    becomes(&browser, "heard.length", &json!(1000), Duration::from_secs(60)).await;
    let mut users: BTreeMap<u64, Vec<(u64, String)>> = BTreeMap::new();
    for change in browser.evaluate("return heard").await.as_array().unwrap() {
        let (user, seq) = (change[0].as_u64().unwrap(), change[1].as_u64().unwrap());
        users.entry(user).or_default().push((seq, change[2].as_str().unwrap().to_owned()));
    }
    assert_eq!(users.len(), 200);
    for (user, changes) in users {
        assert!(changes.is_sorted_by(|before, after| before.0 < after.0), "{user}: {changes:?}");
        let statuses: Vec<&str> = changes.iter().map(|(_, status)| status.as_str()).collect();
        assert_eq!(statuses, ["online", "offline", "online", "offline", "online"], "{user}");
    }
    becomes(&browser, "shown()", &json!(["online"]), SOON).await;
    // The heartbeats of 200 users who stay online are no changes.
    assert_eq!(browser.evaluate("return heard.length").await, json!(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn badges_turn_for_ids_of_all_kinds_and_after_the_server_was_away() {
    let [echo, pusher] = libraries();
    require!("chromedriver", &echo, &pusher);
    let port = HeldPort::new();
    let server = Reverb::on(&port).await;
    let sidecar = Sidecar::with(&server.environment()).await;
    let (app, browser) = (App::start(&sidecar.url).await, Browser::start().await);
    let ids = ["a:b", "a+b", "a/b", "a b", "Zoë", "日本", "o'hara\"<b>"];
    let all = |status: &str| json!(vec![status; ids.len()]);
    open(&browser, &app, &server, &ids).await;
    becomes(&browser, "shown()", &all("offline"), SOON).await;
    call(&sidecar.client, "heartbeat", ids.iter().map(|id| json!(id))).await;
    becomes(&browser, "shown()", &all("online"), SOON).await;

    drop(server);
    becomes(&browser, "Echo.connector.pusher.connection.state === 'connected'", &json!(false), SOON).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _server = Reverb::on(&port).await;
    becomes(&browser, "Echo.connector.pusher.connection.state", &json!("connected"), Duration::from_secs(30)).await;
    becomes(&browser, "Echo.connector.pusher.channel('status.global').subscribed", &json!(true), SOON).await;
    call(&sidecar.client, "offline", ids.iter().map(|id| json!(id))).await;
    becomes(&browser, "shown()", &all("offline"), SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn badges_keep_to_the_scope_of_the_page() {
    let [echo, pusher] = libraries();
    require!("chromedriver", &echo, &pusher);
    let server = Reverb::start().await;
    let sidecar = Sidecar::with(&server.environment()).await;
    let (app, browser) = (App::start(&sidecar.url).await, Browser::start().await);
    open(&browser, &app, &server, &["7"]).await;
    let more = "const {connect} = await import('/presence.js');
        window.pages = [{tenant: 'acme'}, {tenant: null}].map(scope => connect({echo: Echo, scope}));
        window.statuses = () => pages.map(page => page.get(7)?.status ?? null);
        for (const scope of ['', '{\"tenant\":\"acme\"}']) {
          const badge = document.createElement('presence-badge');
          for (const [name, value] of Object.entries({user: '7', channel: 'status.global', scope})) if (value) badge.setAttribute(name, value);
          document.querySelector('p').append(badge);
        }";
    browser.evaluate(&format!("return (async () => {{ {more} }})()")).await;
    let call = async |call: &str, scope: Value| {
        let body = json!({"user_id": 7, "scope": scope});
        assert_eq!(sidecar.client.post(&format!("/api/v1/presence/{call}"), body).await.status, 200);
    };
    call("heartbeat", json!({"tenant": "acme", "guard": "web"})).await;
    becomes(&browser, "statuses()", &json!(["online", null]), SOON).await;
    // The page, a badge of any scope, and one of the tenant.
    becomes(&browser, "shown()", &json!(["online", "online", "online"]), SOON).await;
    call("heartbeat", json!({"tenant": "other"})).await;
    call("offline", json!({"tenant": "other"})).await;
    call("heartbeat", json!({})).await;
    becomes(&browser, "statuses()", &json!(["online", "online"]), SOON).await;
    assert_eq!(browser.evaluate("return shown()[2]").await, "online");
}
