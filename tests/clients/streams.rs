//! Readers of event streams miss no entry over a cut connection: not before the first event, and not later.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::cut_proxy::CutProxy;
use super::{node, node_modules, program, python};
use crate::browser::webdriver::Browser;
use crate::http::tokens::token;
use crate::support::{Sidecar, TOKEN};

/// The longest wait for a line.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A program that follows the stream. It prints each event: its name, and the id of its user.
struct Reader {
    lines: mpsc::UnboundedReceiver<String>,
    program: Child,
}

impl Reader {
    fn start(mut program: Command) -> Self {
        let mut program = program.stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(program.stdout.take().unwrap()).lines().map_while(Result::ok);
        let (tell, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || printed.for_each(|line| _ = tell.send(line)));
        Self { lines, program }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(TIMEOUT, self.lines.recv()).await.expect("a line in time").expect("the program runs")
    }

    /// The next event that is not a place.
    async fn next_change(&mut self) -> String {
        loop {
            let line = self.next().await;
            if !line.starts_with("place") {
                return line;
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        _ = self.program.kill();
        _ = self.program.wait();
    }
}

/// Cuts the connection of a reader twice: before the first change, and behind one. A user comes online in each gap.
async fn assert_misses_nothing(program: impl FnOnce(&str) -> Command) {
    let sidecar = Sidecar::start().await;
    sidecar.client.heartbeat("before").await;
    let proxy = CutProxy::before(&sidecar.url).await;
    let mut reader = Reader::start(program(&format!("{}/api/v1/presence/stream", proxy.url)));
    assert_eq!(reader.next().await, "place");
    for users in [[1, 2], [3, 4]] {
        proxy.cut();
        sidecar.client.heartbeat(users[0]).await;
        proxy.mend();
        assert_eq!(reader.next_change().await, format!("online {}", users[0]), "the change in the gap");
        sidecar.client.heartbeat(users[1]).await;
        assert_eq!(reader.next_change().await, format!("online {}", users[1]), "the change after the gap");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_eventsource_misses_nothing_over_cut_connections() {
    require!(&node());
    assert_misses_nothing(|url| {
        let mut node = Command::new(node());
        node.arg(program("eventsource.mjs")).arg(node_modules().join("eventsource/dist/index.js")).args([url, TOKEN]);
        node
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn python_readers_miss_nothing_over_cut_connections() {
    require!(&python());
    for library in ["httpx_sse", "sseclient"] {
        assert_misses_nothing(|url| {
            let mut python = Command::new(python());
            python.arg("-u").arg(program("event_stream.py")).args([library, url, TOKEN]).env("NO_PROXY", "127.0.0.1");
            python
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_misses_nothing_over_cut_connections() {
    require!("chromedriver");
    let sidecar = Sidecar::with(&[("PRESENCE__SERVER__ALLOWED_ORIGINS", "*".to_owned())]).await;
    let (proxy, browser) = (CutProxy::before(&sidecar.url).await, Browser::start().await);
    browser.open(&format!("{}/up", sidecar.url)).await;
    let url = format!("{}/api/v1/presence/stream?token={}", proxy.url, token(9, json!({"watch": [1, 2, 3, 4]})));
    let follow = "const source = new EventSource(arguments[0]); window.seen = []; \
                  for (const name of ['place', 'online']) source.addEventListener(name, event => \
                  window.seen.push(name + ' ' + (JSON.parse(event.data).user_id ?? '')));";
    browser.evaluate(&follow.replace("arguments[0]", &json!(url).to_string())).await;
    let seen = async |event: String| {
        let script = format!("return window.seen.includes({})", json!(event));
        let found = async {
            while browser.evaluate(&script).await != json!(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let all = tokio::time::timeout(TIMEOUT, found).await;
        assert!(all.is_ok(), "{event} is missing: {}", browser.evaluate("return window.seen").await);
    };
    seen("place ".to_owned()).await;
    for users in [[1, 2], [3, 4]] {
        proxy.cut();
        sidecar.client.heartbeat(users[0]).await;
        proxy.mend();
        seen(format!("online {}", users[0])).await;
        sidecar.client.heartbeat(users[1]).await;
        seen(format!("online {}", users[1])).await;
    }
}
