//! A stream over a plain socket, which reads when the test says so.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A stream whose response has no framing: it is asked for with HTTP/1.0.
pub struct RawStream {
    socket: TcpStream,
    buffer: Vec<u8>,
    /// The end of what was read.
    tail: String,
}

impl RawStream {
    /// Asks for a stream behind `after`.
    pub async fn open(url: &str, token: &str, after: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /api/v1/presence/stream?after={after} HTTP/1.0\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        Self { socket, buffer: vec![0; 128 << 10], tail: String::new() }
    }

    /// Reads until the stream has this text near its end; returns false if it ends before.
    pub async fn read_until(&mut self, text: &str) -> bool {
        const TAIL: usize = 12 << 10;
        while !self.tail.contains(text) {
            let count = match self.socket.read(&mut self.buffer).await {
                Ok(0) | Err(_) => return false,
                Ok(count) => count,
            };
            let new = &self.buffer[..count];
            let kept = self.tail.len().saturating_sub(TAIL.saturating_sub(count));
            self.tail.drain(..kept);
            self.tail.push_str(&String::from_utf8_lossy(&new[count.saturating_sub(TAIL)..]));
        }
        true
    }

    /// Reads to the end of the stream. Returns the id of the last event that arrived whole.
    pub async fn read_to_end(mut self) -> String {
        let reading = self.read_until("\0");
        let ended = tokio::time::timeout(Duration::from_secs(60), reading).await;
        assert_eq!(ended, Ok(false), "the stream did not end");
        let whole = self.tail.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
        let id = whole.lines().rev().find_map(|line| line.strip_prefix("id: "));
        id.unwrap_or_default().to_owned()
    }
}
