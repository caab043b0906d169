//! A TCP proxy that can lose responses.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Forwards connections to a server, until the runtime of the test ends.
pub struct FaultProxy {
    pub port: u16,
    server: Arc<AtomicU16>,
    fatal: Arc<Mutex<Vec<u8>>>,
}

impl FaultProxy {
    /// A proxy for the port `server`.
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fatal = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(AtomicU16::new(server));
        tokio::spawn(accept(listener, server.clone(), fatal.clone()));
        Self { port, server, fatal }
    }

    /// Forwards new connections to the port `server`.
    pub fn lead_to(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }

    /// Loses the connection after the next request that contains `text` was forwarded, before its response.
    pub fn lose_answer_to(&self, text: &str) {
        *self.fatal.lock().unwrap() = text.into();
    }

    /// Whether a connection was lost this way.
    pub fn has_lost(&self) -> bool {
        self.fatal.lock().unwrap().is_empty()
    }
}

async fn accept(listener: TcpListener, server: Arc<AtomicU16>, fatal: Arc<Mutex<Vec<u8>>>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server.load(Ordering::SeqCst))).await else { continue };
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let fatal = fatal.clone();
        tokio::spawn(async move {
            let doomed = AtomicBool::new(false);
            tokio::select! {
                () = requests(from_client, to_server, &fatal, &doomed) => {}
                () = answers(from_server, to_client, &doomed) => {}
            }
        });
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fatal: &Mutex<Vec<u8>>, doomed: &AtomicBool) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        {
            let mut fatal = fatal.lock().unwrap();
            if !fatal.is_empty() && piece[..length].windows(fatal.len()).any(|window| window == fatal.as_slice()) {
                fatal.clear();
                doomed.store(true, Ordering::SeqCst);
            }
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, doomed: &AtomicBool) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if doomed.load(Ordering::SeqCst) || to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
