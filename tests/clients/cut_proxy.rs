//! A TCP proxy that cuts its connections, and opens none until it is told to.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to a server, until the runtime of the test ends.
pub struct CutProxy {
    /// Its URL.
    pub url: String,
    /// Whether it forwards.
    open: watch::Sender<bool>,
}

impl CutProxy {
    /// A proxy for the server at `url`.
    pub async fn before(url: &str) -> Self {
        let server: Arc<str> = url.trim_start_matches("http://").into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let (open, state) = watch::channel(true);
        tokio::spawn(accept(listener, server, state));
        Self { url: own, open }
    }

    /// Cuts all connections, and every new one at once.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Forwards connections again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

async fn accept(listener: TcpListener, server: Arc<str>, state: watch::Receiver<bool>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (server, mut state) = (server.clone(), state.clone());
        tokio::spawn(async move {
            if !*state.borrow_and_update() {
                return;
            }
            let Ok(mut upstream) = TcpStream::connect(&*server).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut upstream) => {}
                _ = state.changed() => {}
            }
        });
    }
}
