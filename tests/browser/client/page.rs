//! The page itself: secure context, layout, cryptography, headers.

use serde_json::{Value, json};

use super::Page;
use crate::support::{Sidecar, vectors};

#[tokio::test(flavor = "multi_thread")]
async fn page_without_https_explains_what_is_missing() {
    require!("chromedriver");
    let page = Page::open().await;
    let url = page.harness.sidecar.url.replace("127.0.0.1", "sidecar.test");
    page.browser.open(&format!("{url}/client.html")).await;
    let shown = page.browser.find("//section[@id='insecure' and not(@hidden)]").await.text().await;
    assert!(shown.contains("This page needs HTTPS"), "{shown}");
    assert_eq!(page.browser.evaluate("return document.getElementById('setup').hidden").await, json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn page_fits_on_phones_and_desktops() {
    require!("chromedriver");
    let page = Page::open().await;
    let fits = "return document.documentElement.scrollWidth <= innerWidth";
    let ended = "const log = document.getElementById('log'); return new Promise(resolve => requestAnimationFrame(() =>
        setTimeout(() => resolve(log.scrollHeight - log.scrollTop - log.clientHeight < 2))))";
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    for (width, height, name) in [(1100, 800, "desktop"), (390, 844, "phone"), (320, 568, "small")] {
        page.browser.resize(width, height).await;
        assert_eq!(page.browser.evaluate(fits).await, json!(true), "registering, {width} px");
        page.browser.save_screenshot(&format!("client-register-{name}")).await;
    }
    let device = page.register().await;
    for (kind, payload) in [
        ("note", json!({"text": "The courier is here. Table 4 would like to pay."})),
        ("order", json!({"order": 4711, "items": [{"sku": "espresso", "n": 2}], "note": "o".repeat(120)})),
    ] {
        page.harness.publish(&[&device], kind, payload).await;
    }
    page.fill("message", "Thanks, on my way!").await;
    page.click("Send").await;
    page.wait_for_message("on my way").await;
    page.wait_for_state("waiting").await;
    for (width, height, name) in [(320, 568, "small"), (390, 844, "phone"), (1100, 800, "desktop")] {
        page.browser.resize(width, height).await;
        assert_eq!(page.browser.evaluate(fits).await, json!(true), "talking, {width} px");
        assert_eq!(page.browser.evaluate(ended).await, json!(true), "the last message is visible, {width} px");
        page.browser.save_screenshot(&format!("client-{name}")).await;
    }
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    page.browser.command("Emulation.setEmulatedMedia", dark).await;
    page.browser.find("//summary[.='This client']").await.click().await;
    page.browser.save_screenshot("client-dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_opens_messages_of_php_and_seals_messages_for_the_server() {
    require!("chromedriver");
    let page = Page::open().await;
    let within = |code: &str, data: &Value| format!("const data = {data}; {code}");
    let code = "return import('/client/seal.js').then(async ({importKey, open, seal}) => Promise.all(data.map(async each => {
        const key = await importKey(each.key);
        const sealed = await seal(key, each.payload_json, each.aad_json);
        return {
            opened: await open(key, each, each.aad_json), again: await open(key, sealed, each.aad_json),
            other: await open(key, each, each.aad_json + ' '), short: await open(key, {...each, tag: 'AAAA'}, each.aad_json)
        };
    })))";
    let cases = &vectors("laravel-primitives.json")["encryption_service"]["cases"];
    let results = page.browser.evaluate(&within(code, cases)).await;
    assert!(cases.as_array().unwrap().len() > 5);
    for (case, result) in cases.as_array().unwrap().iter().zip(results.as_array().unwrap()) {
        let text = &case["payload_json"];
        assert_eq!(result, &json!({"opened": text, "again": text, "other": null, "short": null}));
    }
    let code = "return import('/client/seal.js').then(async ({importKey, open}) => Promise.all(data.flatMap(client =>
        (client.poll ?? []).map(async message => {
            const key = await importKey(client.personal_token), {client_id, plaintext} = client;
            const aad = direction => JSON.stringify({[direction]: client_id, ts: message.created_at});
            return await open(key, message, aad('to')) ?? await open(key, message, aad('from'));
        }))))";
    let clients = &vectors("laravel-messaging.json")["clients"];
    let opened = page.browser.evaluate(&within(code, clients)).await;
    let messages: Vec<&Value> =
        clients.as_array().unwrap().iter().flat_map(|client| client["poll"].as_array().into_iter().flatten()).collect();
    assert!(messages.len() > 5);
    for (message, text) in messages.iter().zip(opened.as_array().unwrap()) {
        assert_eq!(serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap(), message["plaintext"]);
    }
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_runs_only_its_own_files_and_is_absent_when_messaging_is_disabled() {
    require!("chromedriver");
    let sidecar = Sidecar::start().await;
    let page = sidecar.client.get("/client.html").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !page.text.contains("<script>") && !page.text.contains("style="));
    let script = sidecar.client.get("/client/main.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["cache-control"], "public, no-cache");
    let again = sidecar.client.request(reqwest::Method::GET, "/client/main.js");
    let again = sidecar.client.send(again.header("If-None-Match", &script.headers["etag"])).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let without = Sidecar::with(&[("PRESENCE__MESSAGING__ENABLED", "false".to_owned())]).await;
    assert_eq!(without.client.get("/client.html").await.status, 404);
    assert_eq!(without.client.get("/client/main.js").await.status, 404);
}
