//! An HTTP client for tests.

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::TOKEN;

/// Sends the head of a heartbeat with these additional headers, each with its line end; its body of `length` bytes is to follow.
/// Returns when the server reads the body.
pub async fn begin_heartbeat(address: &str, headers: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/v1/presence/heartbeat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n{headers}\
         content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 100");
    stream
}

/// A client with a token.
#[derive(Clone)]
pub struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as JSON; null if it is not JSON.
    pub json: Value,
    /// The body as text.
    pub text: String,
}

impl Client {
    /// A client of `url` with a bearer token; an empty one sends none.
    pub fn new(url: &str, token: &str) -> Self {
        // Plain HTTP alone: reading the certificates of the system takes longer than most tests.
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { url: url.to_owned(), token: token.to_owned(), http }
    }

    /// The same client with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Sends GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    /// Sends POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(reqwest::Method::POST, path).json(&body)).await
    }

    /// A request that the test completes.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends a request.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Sends a heartbeat of a user in the default scope.
    pub async fn heartbeat(&self, user: impl Into<Value>) -> Answer {
        self.post("/api/v1/presence/heartbeat", serde_json::json!({"user_id": user.into()})).await
    }

    /// All entries of the change log.
    pub async fn changes(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/v1/presence/changes?limit=1000{after}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let data = page.json["data"].as_array().unwrap().clone();
            if data.is_empty() {
                return all;
            }
            all.extend(data);
            after = format!("&after={}", page.json["next_cursor"].as_str().unwrap());
        }
    }
}
