//! A receiver of webhooks that can fail on demand.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The reaction of a receiver to a post, after it has recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Responds with a status and additional headers, each with a line break.
    Answer(u16, &'static str),
    /// Closes the connection without a response.
    Reset,
    /// Responds after this time.
    Late(Duration),
}

/// A received post.
#[derive(Clone, Debug)]
pub struct Post {
    /// Path and query.
    pub target: String,
    /// Headers with names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the receiver accepted it.
    pub taken: bool,
}

impl Post {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver on a port of its own, stopped when dropped.
pub struct Receiver {
    /// Its address.
    pub url: String,
    posts: Arc<Posts>,
    stop: CancellationToken,
}

struct Posts {
    noted: Mutex<Vec<Post>>,
    file: Mutex<Option<File>>,
    count: watch::Sender<usize>,
}

impl Receiver {
    /// How long posts are waited for.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// A receiver that accepts every post.
    pub async fn start() -> Self {
        Self::reacting(|_| Reaction::Answer(204, "")).await
    }

    /// A receiver with a reaction to each post, by its number from 0.
    pub async fn reacting(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::on(0, None, react).await
    }

    /// A receiver on this port (0 for any), which also writes each post to a file, flushed to the disk, before it reacts.
    pub async fn on(port: u16, file: Option<File>, react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let url = format!("http://{}/hooks/presence", listener.local_addr().unwrap());
        let posts = Arc::new(Posts { noted: Mutex::default(), file: Mutex::new(file), count: watch::Sender::new(0) });
        let (stop, react) = (CancellationToken::new(), Arc::new(react));
        let (accepting, noted) = (stop.clone(), posts.clone());
        tokio::spawn(accepting.clone().run_until_cancelled_owned(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = serve(stream, noted.clone(), react.clone());
                tokio::spawn(accepting.clone().run_until_cancelled_owned(connection));
            }
        }));
        Self { url, posts, stop }
    }

    /// All posts so far.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.noted.lock().unwrap().clone()
    }

    /// Waits until there are `count` posts; returns all of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Post> {
        self.wait_within(Self::PATIENCE, count).await
    }

    /// Waits that long for `count` posts; returns all of them.
    pub async fn wait_within(&self, limit: Duration, count: usize) -> Vec<Post> {
        let mut counted = self.posts.count.subscribe();
        let enough = tokio::time::timeout(limit, counted.wait_for(|now| *now >= count)).await;
        assert!(enough.is_ok(), "only {} of {count} posts came", self.posts().len());
        self.posts()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn serve<R: Fn(usize) -> Reaction>(stream: TcpStream, posts: Arc<Posts>, react: Arc<R>) {
    let mut stream = BufReader::new(stream);
    while let Some(mut post) = read(&mut stream).await {
        let (reaction, number) = {
            let mut noted = posts.noted.lock().unwrap();
            let reaction = react(noted.len());
            post.taken = matches!(reaction, Reaction::Answer(200..=299, _));
            if let Some(file) = posts.file.lock().unwrap().as_mut() {
                file.write_all(&[&post.body[..], b"\n"].concat()).unwrap();
                file.sync_data().unwrap();
            }
            noted.push(post);
            (reaction, noted.len())
        };
        posts.count.send_if_modified(|count| number > std::mem::replace(count, number.max(*count)));
        let (status, headers) = match reaction {
            Reaction::Answer(status, headers) => (status, headers),
            Reaction::Reset => return,
            Reaction::Late(pause) => {
                tokio::time::sleep(pause).await;
                (204, "")
            }
        };
        let answer = format!("HTTP/1.1 {status} Whatever\r\n{headers}content-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Post> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    stream.read_exact(&mut body).await.ok()?;
    Some(Post { target, headers, body, taken: false })
}
