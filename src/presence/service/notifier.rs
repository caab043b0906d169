//! Tells whoever works on changes that there are some, without a look at the store.

use tokio::sync::watch;

/// Rung after a commit of this process that recorded changes. Other replicas' commits are not heard: who listens looks
/// at the store now and then, too.
#[derive(Debug)]
pub struct ChangeNotifier(watch::Sender<()>);

impl ChangeNotifier {
    /// A bell nobody listens to yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes everybody who listens.
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// Hears every ring from now on; rings in quick succession may be heard as one.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

impl Default for ChangeNotifier {
    fn default() -> Self {
        Self::new()
    }
}
