//! Wakes readers of changes in this process after a commit, so that they need not poll the store.

use tokio::sync::watch;

/// Notified after each commit of this process that recorded changes. Commits of other replicas do not notify it, so
/// subscribers poll the store as well, less often.
#[derive(Debug)]
pub struct ChangeNotifier(watch::Sender<()>);

impl ChangeNotifier {
    /// A notifier without subscribers.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes all subscribers.
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// Subscribes to notifications from now on; several in quick succession may arrive as one.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

impl Default for ChangeNotifier {
    fn default() -> Self {
        Self::new()
    }
}
