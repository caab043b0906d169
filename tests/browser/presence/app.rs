//! An application of the test's own: pages, a route for tokens, and the assets of the package.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::http::tokens::{seconds, signed};
use crate::support::TOKEN;

/// Only the files of the origin, and connections to any: no inline script, no inline style.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src *; base-uri 'none'";

/// What the application answers with.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Seconds for which a token is valid.
    pub ttl: i64,
    /// Whether the application is down for maintenance.
    pub is_down: bool,
    /// Further files: path, type, content.
    pub files: Vec<(&'static str, &'static str, String)>,
}

/// An application on a port of its own, stopped when dropped.
pub struct App {
    /// Its address.
    pub url: String,
    /// What it answers with.
    pub behaviour: Arc<Mutex<Behaviour>>,
    stop: CancellationToken,
}

impl App {
    /// An application whose pages follow the sidecar at `sidecar`.
    pub async fn start(sidecar: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(Behaviour { ttl: 600, is_down: false, files: Vec::new() }));
        let (stop, sidecar) = (CancellationToken::new(), sidecar.to_owned());
        let (accepting, shared) = (stop.clone(), behaviour.clone());
        tokio::spawn(accepting.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answering = answer(stream, sidecar.clone(), shared.clone());
                tokio::spawn(accepting.clone().run_until_cancelled_owned(answering));
            }
        }));
        Self { url, behaviour, stop }
    }

    /// Adds a file.
    pub fn serve(&self, path: &'static str, kind: &'static str, content: impl Into<String>) {
        self.behaviour.lock().unwrap().files.push((path, kind, content.into()));
    }

    /// The page of `user`, with a badge of `watched`.
    pub fn page(&self, user: &str, watched: &str) -> String {
        format!("{}/page?user={user}&watch={watched}", self.url)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn answer(stream: TcpStream, sidecar: String, behaviour: Arc<Mutex<Behaviour>>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    if stream.read_line(&mut line).await.is_err() {
        return;
    }
    let target = line.split(' ').nth(1).unwrap_or("/").to_owned();
    while line.trim_end() != "" {
        line.clear();
        if stream.read_line(&mut line).await.is_err() {
            return;
        }
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let value = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let Behaviour { ttl, is_down, files } = behaviour.lock().unwrap().clone();
    let (status, kind, body) = match path {
        _ if is_down && path == "/token" => (503, "text/plain", "Be right back".to_owned()),
        "/page" => (200, "text/html", page(&value("watch"))),
        "/other" => (200, "text/html", "<!doctype html><title>Other</title>".to_owned()),
        "/presence.js" => {
            (200, "text/javascript", include_str!("../../../src/presence/browser_client/presence.js").to_owned())
        }
        "/app.js" => (200, "text/javascript", script(&sidecar)),
        "/token" => (200, "application/json", token(&value, ttl)),
        _ => match files.into_iter().find(|(known, ..)| *known == path) {
            Some((_, kind, content)) => (200, kind, content),
            None => (404, "text/plain", String::new()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Security-Policy: {POLICY}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    _ = stream.shutdown().await;
}

fn page(watched: &str) -> String {
    format!(
        "<!doctype html><html lang=en><title>Page</title><script type=module src=/app.js></script>\
         <p>{watched} is <presence-badge user=\"{watched}\"></presence-badge></p>"
    )
}

fn script(sidecar: &str) -> String {
    format!(
        "import {{connect}} from '/presence.js';\n\
         const query = new URLSearchParams(location.search);\n\
         window.events = [];\n\
         window.presence = connect({{url: '{sidecar}', tokenUrl: '/token' + location.search,\n\
           presence: query.get('presence') === '1', worker: query.get('worker') !== '0'}});\n\
         for (const type of ['open', 'closed', 'change', 'refused'])\n\
           presence.addEventListener(type, ({{detail}}) => events.push([type, detail.status ?? detail.reason]));\n"
    )
}

/// A token of the user, watch list, tenant and guard that the query names.
fn token(value: &impl Fn(&str) -> String, ttl: i64) -> String {
    let (user, watched, tenant, guard) = (value("user"), value("watch"), value("tenant"), value("guard"));
    let mut claims = json!({"sub": user, "sid": "browser", "iat": seconds(0), "exp": seconds(ttl), "watch": [watched]});
    if !tenant.is_empty() {
        claims["tenant"] = json!(tenant);
    }
    if !guard.is_empty() {
        claims["scope"] = json!({"guard": guard});
    }
    let token: Value = signed(&claims, TOKEN).into();
    json!({"token": token, "ttl": ttl}).to_string()
}
