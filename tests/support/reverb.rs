//! A broadcast server that behaves as Laravel Reverb 1.10.2 was measured to: Pusher's HTTP API with answers in HTTP/1.0 after
//! which the connection is closed, at most 10,000 bytes of head and body together, signatures over all parameters but
//! `auth_signature` and `body_md5`, a key that is not compared, one bad item of a batch refuses all of it; and Pusher's
//! protocol over WebSockets, with a guard on every channel whose name begins with `presence` or `private`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::websocket;

/// The id of the only application.
pub const APP_ID: &str = "1001";
/// Its key.
pub const APP_KEY: &str = "app-key";
/// Its secret.
pub const APP_SECRET: &str = "app-secret-of-the-tests";

const MAX_REQUEST_BYTES: usize = 10_000;
const GUARDED: [&str; 2] = ["presence", "private"];

/// A port on which nobody listens while no server runs there: no other server gets it meanwhile.
pub struct HeldPort(TcpSocket);

impl HeldPort {
    /// Any free port.
    pub fn new() -> Self {
        Self(bound(0, true))
    }

    fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

/// A socket on a port of this machine, which other sockets that are `held` may be bound to as well.
fn bound(port: u16, is_held: bool) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(is_held).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    socket
}

/// An event that the server accepted.
#[derive(Clone, Debug)]
pub struct Published {
    /// The channel.
    pub channel: String,
    /// The name of the event.
    pub name: String,
    /// The data, parsed.
    pub data: Value,
}

/// A server on a port of its own, stopped when dropped.
pub struct Reverb {
    /// Its port.
    pub port: u16,
    log: Arc<Log>,
    stop: CancellationToken,
}

struct Log {
    /// The path under which the API is; it is not signed.
    path: String,
    is_frozen: watch::Sender<bool>,
    events: Mutex<Vec<Published>>,
    statuses: Mutex<Vec<u16>>,
    count: watch::Sender<usize>,
    frames: broadcast::Sender<Published>,
}

impl Reverb {
    /// A server on any port.
    pub async fn start() -> Self {
        Self::at(0, "").await
    }

    /// A server on a held port.
    pub async fn on(port: &HeldPort) -> Self {
        Self::at(port.number(), "").await
    }

    /// A server on any port, with its API under a path.
    pub async fn under(path: &str) -> Self {
        Self::at(0, path).await
    }

    async fn at(port: u16, path: &str) -> Self {
        let listener = bound(port, port != 0).listen(1024).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Log {
            path: path.to_owned(),
            is_frozen: watch::Sender::new(false),
            events: Mutex::default(),
            statuses: Mutex::default(),
            count: watch::Sender::new(0),
            frames: broadcast::Sender::new(100_000),
        });
        let stop = CancellationToken::new();
        let (accepting, shared) = (stop.clone(), log.clone());
        tokio::spawn(accepting.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().run_until_cancelled_owned(serve(stream, shared.clone())));
            }
        }));
        Self { port, log, stop }
    }

    /// The environment of a sidecar that publishes to this server.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PRESENCE__BROADCAST__CONNECTION", "reverb".to_owned()),
            ("REVERB_APP_ID", APP_ID.to_owned()),
            ("REVERB_APP_KEY", APP_KEY.to_owned()),
            ("REVERB_APP_SECRET", APP_SECRET.to_owned()),
            ("REVERB_HOST", "127.0.0.1".to_owned()),
            ("REVERB_PORT", self.port.to_string()),
            ("REVERB_SCHEME", "http".to_owned()),
        ]
    }

    /// Stops the server as SIGSTOP does, or lets it go on: what was sent meanwhile is done then, even if nobody waits for it.
    pub fn freeze(&self, is_frozen: bool) {
        self.log.is_frozen.send_replace(is_frozen);
    }

    /// All accepted events so far.
    pub fn events(&self) -> Vec<Published> {
        self.log.events.lock().unwrap().clone()
    }

    /// The statuses of all answers of the HTTP API.
    pub fn statuses(&self) -> Vec<u16> {
        self.log.statuses.lock().unwrap().clone()
    }

    /// Waits until a condition on the accepted events holds; returns them.
    pub async fn wait_until(&self, condition: impl Fn(&[Published]) -> bool) -> Vec<Published> {
        let mut counted = self.log.count.subscribe();
        let enough = tokio::time::timeout(Duration::from_secs(60), async {
            while !condition(&self.events()) {
                counted.changed().await.unwrap();
            }
        });
        let in_time = enough.await.is_ok();
        assert!(in_time, "{} events, answers {:?}", self.events().len(), self.statuses());
        self.events()
    }
}

impl Drop for Reverb {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: HashMap<String, String>,
    head_bytes: usize,
    body: Vec<u8>,
}

async fn serve(stream: TcpStream, log: Arc<Log>) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else { return };
    if log.is_frozen.subscribe().wait_for(|is_frozen| !is_frozen).await.is_err() {
        return;
    }
    if request.headers.contains_key("sec-websocket-key") {
        return subscribe(stream, &request, &log).await;
    }
    let (status, answer) = respond(&request, &log);
    // An accepted publication is recorded with its events.
    if status != 200 || request.method == "GET" {
        log.statuses.lock().unwrap().push(status);
        log.count.send_modify(|_| {});
    }
    let answer = format!("HTTP/1.0 {status} X\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
    _ = stream.write_all(answer.as_bytes()).await;
    _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    let mut head_bytes = stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        head_bytes += stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    // A chunked body is read raw, and so not at all: its signature is wrong.
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(Request { method, path: path.to_owned(), query, headers, head_bytes, body })
}

/// The answer to a request of the HTTP API; the events of an accepted one are recorded.
fn respond(request: &Request, log: &Log) -> (u16, String) {
    if request.head_bytes + request.body.len() > MAX_REQUEST_BYTES {
        return (413, "Payload too large.".to_owned());
    }
    let path = request.path.strip_prefix(&log.path).unwrap_or_default();
    let Some((app, action)) = path.strip_prefix("/apps/").and_then(|rest| rest.split_once('/')) else {
        return (404, "Not found.".to_owned());
    };
    if app != APP_ID {
        return (404, format!("No matching application for ID [{app}]."));
    }
    if !is_signed(request, path) {
        return (401, "Authentication signature invalid.".to_owned());
    }
    match (request.method.as_str(), action) {
        ("GET", "channels") => (200, "{\"channels\":[]}".to_owned()),
        ("POST", "events" | "batch_events") => publish(request, action, log),
        (_, "channels" | "events" | "batch_events") => (405, "Method not allowed.".to_owned()),
        _ => (404, "Not found.".to_owned()),
    }
}

fn is_signed(request: &Request, path: &str) -> bool {
    let ignored = ["auth_signature", "body_md5"];
    let mut parameters: Vec<(String, String)> =
        request.query.iter().filter(|(name, _)| !ignored.contains(&name.as_str())).cloned().collect();
    if !request.body.is_empty() {
        parameters.push(("body_md5".to_owned(), hex::encode(Md5::digest(&request.body))));
    }
    parameters.sort();
    let joined: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signature = sign(&format!("{}\n{}\n{}", request.method, path, joined.join("&")));
    request.query.iter().any(|(name, value)| name == "auth_signature" && *value == signature)
}

fn sign(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn publish(request: &Request, action: &str, log: &Log) -> (u16, String) {
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return (500, "Internal server error.".to_owned());
    };
    let items = if action == "events" { vec![body] } else { body["batch"].as_array().cloned().unwrap_or_default() };
    if items.is_empty() {
        return (422, json!({"batch": ["The batch field is required."]}).to_string());
    }
    let mut events = Vec::new();
    for item in &items {
        let channels = item["channels"].as_array().cloned().unwrap_or_else(|| vec![item["channel"].clone()]);
        let (Some(name), Some(data)) = (item["name"].as_str(), item["data"].as_str().filter(|data| !data.is_empty()))
        else {
            return (422, json!({"data": ["The data field must be a string."]}).to_string());
        };
        for channel in channels {
            let Some(channel) = channel.as_str() else { return (422, "{}".to_owned()) };
            let data = serde_json::from_str(data).unwrap_or_else(|_| json!(data));
            events.push(Published { channel: channel.to_owned(), name: name.to_owned(), data });
        }
    }
    log.statuses.lock().unwrap().push(200);
    for event in &events {
        _ = log.frames.send(event.clone());
    }
    let mut all = log.events.lock().unwrap();
    all.extend(events);
    log.count.send_replace(all.len());
    (200, if action == "events" { "{}" } else { "{\"batch\":{}}" }.to_owned())
}

/// Serves one subscriber until it leaves.
async fn subscribe(mut stream: BufReader<TcpStream>, request: &Request, log: &Log) {
    let accept = websocket::accept_key(&request.headers["sec-websocket-key"]);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    let socket_id = format!("{}.{}", rand::random::<u16>(), rand::random::<u16>());
    let established = json!({"socket_id": socket_id, "activity_timeout": 30}).to_string();
    let established = json!({"event": "pusher:connection_established", "data": established});
    let mut frames = log.frames.subscribe();
    let mut channels = Vec::new();
    if request.path != format!("/app/{APP_KEY}") {
        let error = json!({"code": 4001, "message": "Application does not exist"}).to_string();
        _ = stream.write_all(answer.as_bytes()).await;
        _ = websocket::send(&mut stream, &json!({"event": "pusher:error", "data": error})).await;
        return;
    }
    if stream.write_all(answer.as_bytes()).await.is_err() || websocket::send(&mut stream, &established).await.is_err() {
        return;
    }
    loop {
        let message = tokio::select! {
            message = websocket::receive(&mut stream) => {
                let Some(message) = message else { return };
                answer_to(&message, &socket_id, &mut channels)
            }
            Ok(event) = frames.recv() => {
                let data = event.data.to_string();
                channels.contains(&event.channel).then(|| json!({"event": event.name, "channel": event.channel, "data": data}))
            }
        };
        if let Some(message) = message
            && websocket::send(&mut stream, &message).await.is_err()
        {
            return;
        }
    }
}

fn answer_to(message: &Value, socket_id: &str, channels: &mut Vec<String>) -> Option<Value> {
    match message["event"].as_str()? {
        "pusher:ping" => Some(json!({"event": "pusher:pong"})),
        "pusher:subscribe" => {
            let channel = message["data"]["channel"].as_str()?;
            let auth = format!("{APP_KEY}:{}", sign(&format!("{socket_id}:{channel}")));
            let is_guarded = GUARDED.iter().any(|prefix| channel.starts_with(prefix));
            if is_guarded && message["data"]["auth"] != auth.as_str() {
                let error = json!({"code": 4009, "message": "Connection is unauthorized"}).to_string();
                return Some(json!({"event": "pusher:error", "data": error}));
            }
            channels.push(channel.to_owned());
            Some(json!({"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": "{}"}))
        }
        _ => None,
    }
}
