//! `/client.html`: a client as a person uses it.

use serde_json::{Value, json};

use super::webdriver::Browser;
use crate::messaging::{Device, Ground, OPERATOR};
use crate::support::{Engine, Sidecar, TestDatabase, vectors};

/// Keys that have no letter, as WebDriver names them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SHIFT: char = '\u{e008}';
const CONTROL: char = '\u{e009}';

/// A sidecar, and a browser that has its page open.
struct Page {
    ground: Ground,
    browser: Browser,
}

impl Page {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(environment: &[(&'static str, &str)]) -> Self {
        let ground = Ground::on(TestDatabase::create(Engine::Sqlite), environment).await;
        let browser = Browser::start().await;
        browser.resize(1100, 800).await;
        browser.open(&format!("{}/client.html", ground.sidecar.url)).await;
        Self { ground, browser }
    }

    async fn click(&self, name: &str) {
        self.browser.find(&format!("//button[starts-with(., '{name}')]")).await.click().await;
    }

    async fn fill(&self, id: &str, text: &str) {
        let field = self.browser.find(&format!("//*[@id='{id}']")).await;
        field.clear().await;
        field.type_in(text).await;
    }

    /// Registers as it is proposed, and waits until the first poll is done.
    async fn register(&self) -> Device {
        self.click("Register").await;
        self.wait_for_state("waiting").await;
        self.device().await
    }

    /// The client that the page is.
    async fn device(&self) -> Device {
        let kept = self.browser.evaluate("return sessionStorage.getItem('presence-sidecar.credentials')").await;
        Device::new(&self.ground.nobody(), &serde_json::from_str(kept.as_str().unwrap()).unwrap())
    }

    async fn wait_for_state(&self, state: &str) {
        self.browser.find(&format!("//p[@id='status' and @data-state='{state}']")).await;
    }

    async fn wait_for_message(&self, text: &str) {
        self.browser.find(&format!("//ol[@id='messages']/li[contains(., '{text}')]")).await;
    }

    async fn wait_for_words(&self, id: &str, text: &str) {
        self.browser.find(&format!("//*[@id='{id}' and contains(., '{text}')]")).await;
    }

    async fn revoke(&self, device: &Device) {
        let path = format!("/api/v1/operators/clients/{}/revoke", device.id);
        let request = self.ground.nobody().request(reqwest::Method::POST, &path);
        let answer = self.ground.nobody().send(request.header("X-Operator-Token", OPERATOR)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// What the operators read of a client: from whom, and the payload.
    async fn read(&self, device: &Device) -> Vec<(Value, Value)> {
        let answer = self.ground.operate(&format!("/clients/{}/messages", device.id)).await;
        let messages = answer.json["messages"].as_array().unwrap().clone();
        messages.iter().map(|each| (each["from_client_id"].clone(), each["payload"]["payload"].clone())).collect()
    }

    /// What the console says, but for answers of the server that the page tells of itself.
    async fn complaints(&self) -> Vec<Value> {
        let mut console = self.browser.console().await;
        console.retain(|entry| entry["source"] != "network");
        console
    }

    async fn assert_quiet(&self) {
        let console = self.browser.console().await;
        assert!(console.is_empty(), "the console says {console:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_opened_and_acknowledged_and_the_answer_reaches_operators() {
    let page = Page::open().await;
    let proposed = page.browser.evaluate("return document.getElementById('fingerprint').value").await;
    let device = page.register().await;
    let same = page.ground.register(proposed.as_str().unwrap()).await;
    assert_eq!((&same.id, &same.token), (&device.id, &device.token), "it registered with what it showed");

    page.ground.publish(&[&device], "note", json!({"text": "Grüße/1 😀 <b>bold</b>"})).await;
    page.ground.publish(&[&device], "order", json!({"n": 1.5, "items": ["<img src=x onerror=alert(1)>"]})).await;
    page.click("Poll now").await;
    page.wait_for_message("Grüße/1 😀 <b>bold</b>").await;
    page.wait_for_message("<img src=x onerror=alert(1)>").await;
    page.wait_for_state("waiting").await;
    assert_eq!(device.poll("").await.status, 204, "it was acknowledged");
    assert_eq!(device.messages("?cursor=-1").await.len(), 2);

    page.fill("message", "On my way").await;
    page.click("Send").await;
    page.wait_for_message("On my way").await;
    page.wait_for_words("messages", "You").await;
    assert_eq!(page.read(&device).await.last().unwrap(), &(json!(device.id), json!({"text": "On my way"})));
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_with_a_keyboard_alone() {
    let page = Page::open().await;
    let focus = async || page.browser.evaluate("return document.activeElement.id").await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    page.browser.press(&TAB.to_string()).await;
    assert_eq!(focus().await, json!("fingerprint"));
    page.browser.press(&format!("till-1{TAB}{TAB}")).await;
    assert_eq!(focus().await, json!("name"));
    page.browser.press(&format!("Till 1{ENTER}")).await;
    page.wait_for_state("waiting").await;
    assert_eq!(focus().await, json!("message"), "whoever has registered can write at once");
    let device = page.device().await;
    let clients = page.ground.operate("/clients").await.json;
    assert_eq!(clients["clients"][0]["name"], json!("Till 1"));

    page.browser.press("All is well").await;
    page.browser.press_with(CONTROL, ENTER).await;
    page.wait_for_message("All is well").await;
    assert_eq!(page.read(&device).await.len(), 1);
    let ring = "const style = getComputedStyle(document.activeElement); \
                return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2";
    for expected in ["", "log", "", "earlier", "poll-now"] {
        page.browser.press_with(SHIFT, TAB).await;
        assert_eq!(focus().await, json!(expected));
        assert_eq!(page.browser.evaluate(ring).await, json!(true), "{expected} shows that it has the focus");
    }
    page.ground.publish(&[&device], "note", json!({"text": "by keyboard"})).await;
    page.browser.press(&ENTER.to_string()).await;
    page.wait_for_message("by keyboard").await;

    page.browser.press(&format!("{TAB}{TAB}{ENTER}{TAB}{TAB}{TAB}{ENTER}")).await;
    page.browser.find("//dialog[@open]").await;
    page.browser.press(&format!("{TAB}{TAB}{ENTER}")).await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, json!(0));
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_shut_out_is_told_so_and_can_come_back() {
    let page = Page::open().await;
    let device = page.register().await;
    page.revoke(&device).await;
    page.click("Poll now").await;
    page.wait_for_words("expelled", "Invalid token").await;
    page.wait_for_state("unauthorized").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length + localStorage.length").await, json!(1));
    let back = page.register().await;
    assert_ne!(back.id, device.id, "its fingerprint was free");
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_another_tab_has_changed_is_taken_up() {
    let page = Page::open().await;
    let old = page.register().await;
    let rotated = old.post("/clients/rotate", &json!({})).await;
    let store = "sessionStorage.setItem('presence-sidecar.credentials', JSON.stringify(credentials))";
    page.browser.evaluate(&format!("const credentials = {}; {store}", rotated.json)).await;
    page.ground.publish(&[&old], "note", json!({"text": "still here"})).await;
    page.click("Poll now").await;
    page.wait_for_message("still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_relayed_to_other_clients() {
    let page = Page::open().await;
    let other = page.ground.register("other").await;
    page.register().await;
    page.browser.find("//summary[.='Recipients and type']").await.click().await;
    page.fill("to", "nobody").await;
    page.fill("message", "{\"n\": [1, 2.50]}").await;
    page.browser.find("//input[@name='json']").await.click().await;
    page.click("Send").await;
    page.wait_for_words("compose-error", "nobody is not the id of a client.").await;
    page.fill("to", &format!("{},", other.id)).await;
    page.fill("type", "count").await;
    page.click("Send").await;
    page.wait_for_message("Relayed to").await;
    let relayed = other.messages("").await;
    assert_eq!(other.opened(&relayed[0]).unwrap()["payload"], json!({"n": [1, 2.5]}));
    assert_eq!(relayed[0]["type"], json!("count"));
    page.fill("message", "{").await;
    page.click("Send").await;
    page.wait_for_words("compose-error", "The message is not valid JSON.").await;
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_can_be_pasted_remembered_changed_and_forgotten() {
    let page = Page::open().await;
    let old = page.ground.register("elsewhere").await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "Credentials is required.").await;
    page.fill("credentials", "{\"client_id\": 7}").await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "not the JSON").await;
    let garbled = json!({"client_id": old.id, "personal_token": "{no key}", "api_token": old.token});
    page.fill("credentials", &garbled.to_string()).await;
    page.click("Use these").await;
    page.wait_for_words("paste-error", "The personal token is not a key in base64.").await;
    let pasted = json!({"client_id": old.id, "personal_token": old.key, "api_token": old.token});
    page.fill("credentials", &pasted.to_string()).await;
    page.browser.find("//form[@id='paste']//input[@name='remember']").await.click().await;
    page.click("Use these").await;
    page.wait_for_state("waiting").await;

    page.ground.publish(&[&old], "note", json!({"text": "before"})).await;
    page.click("Poll now").await;
    page.wait_for_message("before").await;
    page.browser.find("//summary[.='This client']").await.click().await;
    page.wait_for_words("client-id", &old.id).await;
    page.click("Rotate").await;
    page.wait_for_words("notice", "The token was changed.").await;
    assert_eq!(old.poll("").await.status, 401);
    page.browser.open(&format!("{}/client.html", page.ground.sidecar.url)).await;
    page.wait_for_state("waiting").await;
    page.click("Earlier").await;
    page.wait_for_message("before").await;
    assert_eq!(page.browser.evaluate("return sessionStorage.length").await, json!(0), "kept on the device alone");

    page.browser.find("//summary[.='This client']").await.click().await;
    page.click("Forget credentials").await;
    page.browser.find("//input[@id='forget-fingerprint']").await.click().await;
    page.browser.find("//button[@value='forget']").await.click().await;
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    let kept = page.browser.evaluate("return Object.keys(localStorage)").await;
    assert_eq!(kept, json!(["presence-sidecar.fingerprint"]), "a new one, for the next registration");
    page.assert_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_be_left_alone_is() {
    let page = Page::with(&[("PRESENCE__MESSAGING__LIMITS__POLL", "1,1")]).await;
    let device = page.register().await;
    page.click("Poll now").await;
    page.wait_for_words("status-text", "Too Many Attempts.").await;
    page.ground.publish(&[&device], "note", json!({"n": 1})).await;
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
async fn registration_that_is_refused_is_explained_in_the_server_s_words() {
    let page = Page::with(&[("PRESENCE__REGISTRATION__TOKEN", "let-me-in-please")]).await;
    page.click("Register").await;
    page.wait_for_words("register-error", "Invalid registration token").await;
    page.fill("fingerprint", "   ").await;
    page.fill("token", "let-me-in-please").await;
    page.click("Register").await;
    page.wait_for_words("register-error", "The fingerprint field is required.").await;
    page.fill("fingerprint", "till-1").await;
    page.click("Register").await;
    page.wait_for_state("waiting").await;
    assert_eq!(page.complaints().await, Vec::<Value>::new());
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
    page.ground.publish(&[&device], "note", json!({"text": "unseen"})).await;
    page.click("Poll now").await;
    page.wait_for_state("hidden").await;
    page.browser.evaluate(&hide(false)).await;
    page.wait_for_message("unseen").await;

    let network =
        |offline: bool| json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    page.browser.command("Network.enable", json!({})).await;
    page.browser.command("Network.emulateNetworkConditions", network(true)).await;
    page.wait_for_state("offline").await;
    page.ground.publish(&[&device], "note", json!({"text": "meanwhile"})).await;
    page.browser.command("Network.emulateNetworkConditions", network(false)).await;
    page.wait_for_message("meanwhile").await;
    assert_eq!(page.complaints().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_https_the_page_says_what_is_missing() {
    let page = Page::open().await;
    let url = page.ground.sidecar.url.replace("127.0.0.1", "sidecar.test");
    page.browser.open(&format!("{url}/client.html")).await;
    let shown = page.browser.find("//section[@id='insecure' and not(@hidden)]").await.text().await;
    assert!(shown.contains("This page needs HTTPS"), "{shown}");
    assert_eq!(page.browser.evaluate("return document.getElementById('setup').hidden").await, json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_has_room_for_all_of_it() {
    let page = Page::open().await;
    let fits = "return document.documentElement.scrollWidth <= innerWidth";
    let ended = "const log = document.getElementById('log'); return new Promise(resolve => requestAnimationFrame(() =>
        setTimeout(() => resolve(log.scrollHeight - log.scrollTop - log.clientHeight < 2))))";
    page.browser.find("//section[@id='setup' and not(@hidden)]").await;
    for (width, height, name) in [(1100, 800, "desktop"), (390, 844, "phone"), (320, 568, "small")] {
        page.browser.resize(width, height).await;
        assert_eq!(page.browser.evaluate(fits).await, json!(true), "registering, {width} px");
        page.browser.picture(&format!("client-register-{name}")).await;
    }
    let device = page.register().await;
    for (kind, payload) in [
        ("note", json!({"text": "The courier is here. Table 4 would like to pay."})),
        ("order", json!({"order": 4711, "items": [{"sku": "espresso", "n": 2}], "note": "o".repeat(120)})),
    ] {
        page.ground.publish(&[&device], kind, payload).await;
    }
    page.fill("message", "Thanks, on my way!").await;
    page.click("Send").await;
    page.wait_for_message("on my way").await;
    page.wait_for_state("waiting").await;
    for (width, height, name) in [(320, 568, "small"), (390, 844, "phone"), (1100, 800, "desktop")] {
        page.browser.resize(width, height).await;
        assert_eq!(page.browser.evaluate(fits).await, json!(true), "talking, {width} px");
        assert_eq!(page.browser.evaluate(ended).await, json!(true), "the last message is in sight, {width} px");
        page.browser.picture(&format!("client-{name}")).await;
    }
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    page.browser.command("Emulation.setEmulatedMedia", dark).await;
    page.browser.find("//summary[.='This client']").await.click().await;
    page.browser.picture("client-dark").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_opens_what_php_sealed_and_seals_what_the_server_opens() {
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
            const aad = who => JSON.stringify({[who]: client_id, ts: message.created_at});
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
async fn pauses_grow_from_three_seconds_to_thirty() {
    let page = Page::open().await;
    let code = "return import('/client/poller.js').then(({pace}) => {
        const waits = [pace(0, false)];
        while (waits.length < 8) waits.push(pace(waits.at(-1), false));
        return [waits, pace(30, true), pace(12, true)];
    })";
    let expected = json!([[3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30], 3, 3]);
    assert_eq!(page.browser.evaluate(code).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_runs_its_own_files_only_and_goes_with_the_api() {
    let sidecar = Sidecar::start().await;
    let page = sidecar.client.get("/client.html").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !page.text.contains("<script>") && !page.text.contains("style="));
    assert_eq!(sidecar.client.get("/client/main.js").await.headers["content-type"], "text/javascript; charset=utf-8");
    let without = Sidecar::with(&[("PRESENCE__MESSAGING__ENABLED", "false".to_owned())]).await;
    assert_eq!(without.client.get("/client.html").await.status, 404);
    assert_eq!(without.client.get("/client/main.js").await.status, 404);
}
