//! `/admin`, the operators' page, in a real browser.

mod accessibility;
mod assets;
mod failures;
mod views;

use std::time::Duration;

use serde_json::{Value, json};

use super::webdriver::Browser;
use crate::support::{Client, Sidecar, TOKEN};

/// Special keys, with the code points of WebDriver.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

/// A browser with the page open.
struct AdminPage {
    browser: Browser,
    url: String,
}

impl AdminPage {
    /// Opens the page of the sidecar at `url`.
    async fn open(url: &str) -> Self {
        let browser = Browser::start().await;
        browser.resize(1280, 900).await;
        let url = format!("{url}/admin");
        browser.open(&url).await;
        Self { browser, url }
    }

    /// Opens the page and signs in.
    async fn signed_in(sidecar: &Sidecar) -> Self {
        let page = Self::open(&sidecar.url).await;
        page.sign_in(TOKEN).await;
        page.shows("h1", "Overview").await;
        page
    }

    async fn sign_in(&self, token: &str) {
        let field = self.browser.find("//input[@id='token']").await;
        field.clear().await;
        field.type_in(token).await;
        self.browser.find("//button[.='Sign in']").await.click().await;
    }

    /// Opens a view by its address.
    async fn go(&self, hash: &str) {
        self.browser.evaluate(&format!("location.hash = {}", json!(hash))).await;
    }

    /// The text of the first element of a CSS selector; empty without one.
    async fn text(&self, selector: &str) -> String {
        let text = format!("return document.querySelector({})?.innerText ?? ''", json!(selector));
        self.browser.evaluate(&text).await.as_str().unwrap().to_owned()
    }

    /// Waits until the text of an element contains `text`; returns all of it.
    async fn shows(&self, selector: &str, text: &str) -> String {
        let shown = async {
            loop {
                let shown = self.text(selector).await;
                if shown.contains(text) {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(15), shown).await {
            Ok(shown) => shown,
            Err(_) => panic!(
                "{selector} is {:?}, without {text:?}; the page: {}\n{:?}",
                self.text(selector).await,
                self.text("body").await,
                self.browser.console().await
            ),
        }
    }

    async fn click(&self, xpath: &str) {
        self.browser.find(xpath).await.click().await;
    }

    /// The violations of the content security policy, and the exceptions, since the last call.
    async fn faults(&self) -> Vec<Value> {
        let mut console = self.browser.console().await;
        console.retain(|entry| entry["source"] != "network");
        console
    }
}

/// Posts heartbeats of `count` users, `{name}1` and so on; each third one is idle.
async fn heartbeats(client: &Client, name: &str, count: usize) {
    let beat = |number: usize| json!({"user_id": format!("{name}{number}"), "active": !number.is_multiple_of(3)});
    let beats: Vec<Value> = (1..=count).map(beat).collect();
    assert_eq!(client.post("/api/v1/presence/heartbeats", json!(beats)).await.status, 200);
}
