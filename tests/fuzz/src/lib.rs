//! A sidecar in this process, for targets that send requests: all stores in memory or in a temporary folder, no limits.
//!
//! Requests go over a real connection, so the coverage includes the listener. A response with status 500 is a fault.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use presence_sidecar::app;
use presence_sidecar::config::{Flags, Sources, load};
use presence_sidecar::http::listener::bind;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The service token, which also signs user tokens.
pub const TOKEN: &str = "service-token-of-the-fuzzer-0123456789abcdef";
/// The token of applications that publish.
pub const ADMIN: &str = "admin-token-of-the-fuzzer";
/// The token of operators.
pub const OPERATOR: &str = "operator-token-of-the-fuzzer";

thread_local! {
    static SIDECAR: RefCell<Sidecar> = RefCell::new(Sidecar::start());
}

/// Sends a request to the sidecar of this thread, which the first one starts; returns the status. `head` is the request line
/// and the headers, each with its line end.
///
/// # Panics
/// The status is 500, or there is no response.
pub fn send(head: &str, body: &[u8]) -> u16 {
    SIDECAR.with_borrow_mut(|sidecar| sidecar.send(head, body))
}

/// A sidecar, and a connection to it.
struct Sidecar {
    address: String,
    connection: Option<TcpStream>,
    _runtime: Runtime,
    _storage: TempDir,
}

impl Sidecar {
    fn start() -> Self {
        let storage = TempDir::new().expect("a folder");
        let environment = [
            ("PRESENCE_STORAGE", storage.path().to_str().expect("UTF-8")),
            ("PRESENCE_CACHE_STORE", "array"),
            ("PRESENCE_TOKEN", TOKEN),
            ("ADMIN_TOKEN", ADMIN),
            ("OPERATOR_TOKENS", OPERATOR),
            ("APP_KEY", "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE="),
            ("PRESENCE__ROUTING__THROTTLE", ""),
            ("PRESENCE__MESSAGING__LIMITS__POLL", ""),
            ("PRESENCE__MESSAGING__LIMITS__API", ""),
            ("PRESENCE__MESSAGING__LIMITS__REGISTER", ""),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let flags = Flags { listen: Some("127.0.0.1:0".to_owned()) };
        let loaded = load(&Sources { environment, flags, ..Sources::default() }).expect("a configuration");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let address = runtime.block_on(async {
            let listeners = bind(&loaded.config.server.listen[0]).await.expect("a listener");
            let address = listeners[0].url("http").trim_start_matches("http://").to_owned();
            let app = app::App::build(&loaded).expect("a sidecar");
            tokio::spawn(app::run(listeners, Vec::new(), app, CancellationToken::new()));
            address
        });
        Self { address, connection: None, _runtime: runtime, _storage: storage }
    }

    fn send(&mut self, head: &str, body: &[u8]) -> u16 {
        let head = format!("{head}Host: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        let status = (0..3).find_map(|_| self.exchange(head.as_bytes(), body)).expect("a response");
        assert_ne!(status, 500, "{head}{}", String::from_utf8_lossy(body));
        status
    }

    /// Sends bytes and reads one response; `None` if the connection was closed before.
    fn exchange(&mut self, head: &[u8], body: &[u8]) -> Option<u16> {
        let mut stream = match self.connection.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.address).expect("a connection"),
        };
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.set_nodelay(true).expect("an option");
        stream.write_all(&[head, body].concat()).ok()?;
        let (mut response, mut chunk) = (Vec::new(), [0; 16 * 1024]);
        let end = loop {
            let length = stream.read(&mut chunk).ok().filter(|length| *length > 0)?;
            response.extend_from_slice(&chunk[..length]);
            if let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(&response[..end]).to_lowercase();
        let status: u16 = text.split(' ').nth(1)?.parse().ok()?;
        let length: Option<usize> =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let Some(length) = length else {
            // A response without a body, or one of unknown length: the connection is not used again.
            if status == 204 {
                self.connection = Some(stream);
            }
            return Some(status);
        };
        while response.len() < end + length {
            let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
            response.extend_from_slice(&chunk[..read]);
        }
        if !text.contains("connection: close") {
            self.connection = Some(stream);
        }
        Some(status)
    }
}
