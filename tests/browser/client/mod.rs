//! `/client.html`, the messaging client.

mod credentials;
mod messages;
mod page;
mod polling;

use serde_json::Value;

use super::webdriver::Browser;
use crate::messaging::{Device, Harness, OPERATOR};
use crate::support::{Engine, TestDatabase};

/// Special keys, with the code points of WebDriver.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SHIFT: char = '\u{e008}';
const CONTROL: char = '\u{e009}';

/// A sidecar and a browser with its page open.
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

    /// Registers with the proposed fingerprint, and waits for the first poll.
    async fn register(&self) -> Device {
        self.click("Register").await;
        self.wait_for_state("waiting").await;
        self.device().await
    }

    /// The client of the page.
    async fn device(&self) -> Device {
        let stored = self.browser.evaluate("return sessionStorage.getItem('presence-sidecar.credentials')").await;
        Device::new(&self.harness.anonymous(), &serde_json::from_str(stored.as_str().unwrap()).unwrap())
    }

    async fn wait_for_state(&self, state: &str) {
        self.browser.find(&format!("//p[@id='status' and @data-state='{state}']")).await;
    }

    async fn wait_for_message(&self, text: &str) {
        self.browser.find(&format!("//ol[@id='messages']/li[contains(., '{text}')]")).await;
    }

    async fn wait_for_text(&self, id: &str, text: &str) {
        self.browser.find(&format!("//*[@id='{id}' and contains(., '{text}')]")).await;
    }

    async fn revoke(&self, device: &Device) {
        let path = format!("/api/v1/operators/clients/{}/revoke", device.id);
        let request = self.harness.anonymous().request(reqwest::Method::POST, &path);
        let answer = self.harness.anonymous().send(request.header("X-Operator-Token", OPERATOR)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Reads the messages of a client as an operator: sender and payload of each.
    async fn read_as_operator(&self, device: &Device) -> Vec<(Value, Value)> {
        let answer = self.harness.get_as_operator(&format!("/clients/{}/messages", device.id)).await;
        let messages = answer.json["messages"].as_array().unwrap().clone();
        messages.iter().map(|each| (each["from_client_id"].clone(), each["payload"]["payload"].clone())).collect()
    }

    /// Returns the entries of the console, except for error responses, which the page shows itself.
    async fn console_errors(&self) -> Vec<Value> {
        let mut console = self.browser.console().await;
        console.retain(|entry| entry["source"] != "network");
        console
    }

    async fn assert_quiet(&self) {
        let console = self.browser.console().await;
        assert!(console.is_empty(), "console errors: {console:?}");
    }
}
