//! `/client.html`: a client as a person uses it.

mod credentials;
mod page;
mod polling;
mod talking;

use serde_json::Value;

use super::webdriver::Browser;
use crate::messaging::{Device, Harness, OPERATOR};
use crate::support::{Engine, TestDatabase};

/// Keys that have no letter, as WebDriver names them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SHIFT: char = '\u{e008}';
const CONTROL: char = '\u{e009}';

/// A sidecar, and a browser that has its page open.
struct Page {
    harness: Harness,
    browser: Browser,
}

impl Page {
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(environment: &[(&'static str, &str)]) -> Self {
        let harness = Harness::on(TestDatabase::create(Engine::Sqlite), environment).await;
        let browser = Browser::start().await;
        browser.resize(1100, 800).await;
        browser.open(&format!("{}/client.html", harness.sidecar.url)).await;
        Self { harness, browser }
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
        Device::new(&self.harness.anonymous(), &serde_json::from_str(kept.as_str().unwrap()).unwrap())
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
        let request = self.harness.anonymous().request(reqwest::Method::POST, &path);
        let answer = self.harness.anonymous().send(request.header("X-Operator-Token", OPERATOR)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// What the operators read of a client: from whom, and the payload.
    async fn read(&self, device: &Device) -> Vec<(Value, Value)> {
        let answer = self.harness.get_as_operator(&format!("/clients/{}/messages", device.id)).await;
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
