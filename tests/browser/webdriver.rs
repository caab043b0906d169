//! A headless Chromium of the test's own, controlled over the WebDriver protocol (<https://www.w3.org/TR/webdriver2/>).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::command;

/// The key of element ids in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The timeout for an element to appear.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A browser with one window, closed when dropped.
pub struct Browser {
    /// The address of the session.
    session: String,
    http: reqwest::Client,
    driver: Child,
    /// Its profile and temporary files.
    folder: TempDir,
}

/// An element of the page.
pub struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    /// Starts a browser with a fresh profile.
    pub async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (driver, port) = start_driver(folder.path());
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let address = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { session: address, http, driver, folder };
        let session = browser.call(Method::POST, "", capabilities(browser.folder.path())).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        let timeout = u64::try_from(TIMEOUT.as_millis()).unwrap();
        browser.call(Method::POST, "/timeouts", json!({"implicit": timeout})).await;
        browser
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.call(Method::POST, "/url", json!({"url": url})).await;
    }

    /// Opens another tab, and switches to it; returns its handle.
    pub async fn open_tab(&self, url: &str) -> String {
        let tab = self.call(Method::POST, "/window/new", json!({"type": "tab"})).await;
        let handle = tab["handle"].as_str().unwrap().to_owned();
        self.switch_to(&handle).await;
        self.open(url).await;
        handle
    }

    /// The handle of the tab in front.
    pub async fn handle(&self) -> String {
        self.call(Method::GET, "/window", Value::Null).await.as_str().unwrap().to_owned()
    }

    /// Brings a tab to the front.
    pub async fn switch_to(&self, handle: &str) {
        self.call(Method::POST, "/window", json!({"handle": handle})).await;
    }

    /// Closes the tab in front. Another one must be brought to the front then.
    pub async fn close_tab(&self) {
        self.call(Method::DELETE, "/window", Value::Null).await;
    }

    /// Goes back in the history.
    pub async fn back(&self) {
        self.call(Method::POST, "/back", json!({})).await;
    }

    /// Waits for the element at an XPath.
    pub async fn find(&self, xpath: &str) -> Element<'_> {
        let found = self.call(Method::POST, "/element", json!({"using": "xpath", "value": xpath})).await;
        Element { browser: self, id: found[ELEMENT].as_str().unwrap().to_owned() }
    }

    /// Finds all elements at an XPath.
    pub async fn find_all(&self, xpath: &str) -> Vec<Element<'_>> {
        let found = self.call(Method::POST, "/elements", json!({"using": "xpath", "value": xpath})).await;
        let ids = found.as_array().unwrap().iter().map(|element| element[ELEMENT].as_str().unwrap().to_owned());
        ids.map(|id| Element { browser: self, id }).collect()
    }

    /// Runs a function body in the page; returns its result.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.call(Method::POST, "/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Presses keys one after the other in the focused element; special keys have the protocol's code points.
    pub async fn press(&self, keys: &str) {
        let stroke = |key: char| [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})];
        let strokes: Vec<Value> = keys.chars().flat_map(stroke).collect();
        self.actions(&strokes).await;
    }

    /// Presses a key while another one is held.
    pub async fn press_with(&self, held: char, key: char) {
        let stroke = |kind: &str, key: char| json!({"type": kind, "value": key});
        let strokes = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)];
        self.actions(&strokes.map(|(kind, key)| stroke(kind, key))).await;
    }

    async fn actions(&self, strokes: &[Value]) {
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": strokes});
        self.call(Method::POST, "/actions", json!({"actions": [keyboard]})).await;
    }

    /// Emulates a device with a screen of this size.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 2, "mobile": width < 600});
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sends a command of the DevTools protocol.
    pub async fn command(&self, name: &str, parameters: Value) -> Value {
        self.call(Method::POST, "/goog/cdp/execute", json!({"cmd": name, "params": parameters})).await
    }

    /// Writes a screenshot into `target/screenshots/`.
    pub async fn save_screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), self.screenshot().await).unwrap();
    }

    /// Returns the new entries of the console since the last call: errors, and violations of the content security policy.
    pub async fn console(&self) -> Vec<Value> {
        let entries = self.call(Method::POST, "/se/log", json!({"type": "browser"})).await;
        entries.as_array().unwrap().clone()
    }

    /// Takes a screenshot as PNG.
    async fn screenshot(&self) -> Vec<u8> {
        let picture = self.call(Method::GET, "/screenshot", Value::Null).await;
        STANDARD.decode(picture.as_str().unwrap()).unwrap()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if !body.is_null() {
            request = request.json(&body);
        }
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{path} {body}: {} {}", value["error"], value["message"]);
        value
    }
}

impl Element<'_> {
    /// Clicks the element.
    pub async fn click(&self) {
        self.call(Method::POST, "/click", json!({})).await;
    }

    /// Clears the field.
    pub async fn clear(&self) {
        self.call(Method::POST, "/clear", json!({})).await;
    }

    /// Types a text into the field.
    pub async fn type_in(&self, text: &str) {
        self.call(Method::POST, "/value", json!({"text": text})).await;
    }

    /// Returns the visible text.
    pub async fn text(&self) -> String {
        self.call(Method::GET, "/text", Value::Null).await.as_str().unwrap().to_owned()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        self.browser.call(method, &format!("/element/{}{path}", self.id), body).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without an explicit end of the session the browser would outlive the driver, also after a panic.
        _ = end_session(&self.session);
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}

/// Deletes a session; the response arrives once its browser has exited. `drop` cannot await, so this sends plain HTTP.
fn end_session(session: &str) -> std::io::Result<()> {
    let address = session.trim_start_matches("http://");
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    BufReader::new(stream).read_line(&mut String::new())?;
    Ok(())
}

/// Starts chromedriver on a free port. It ends at once if another process takes that port first; then it is started again.
fn start_driver(folder: &Path) -> (Child, u16) {
    (0..5).find_map(|_| try_start_driver(folder)).expect("chromedriver starts and prints its port")
}

fn try_start_driver(folder: &Path) -> Option<(Child, u16)> {
    let mut driver = command("chromedriver")
        .arg("--port=0")
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port =
        lines.find_map(|line| line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok());
    let Some(port) = port else {
        _ = driver.kill();
        _ = driver.wait();
        return None;
    };
    std::thread::spawn(move || lines.for_each(drop));
    Some((driver, port))
}

fn capabilities(folder: &Path) -> Value {
    let arguments = [
        "--headless",
        "--no-sandbox", // The sandbox does not work as root.
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
        "--host-resolver-rules=MAP sidecar.test 127.0.0.1", // A host that is not local, for the page without HTTPS.
        "--window-size=1280,2400",
        &format!("--user-data-dir={}", folder.join("profile").display()),
    ];
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }}})
}
