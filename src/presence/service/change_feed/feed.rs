//! The feed: what the reader and all subscriptions share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::catch_up::CatchUp;
use super::page::{EncodeEntry, LogPage};
use super::window::Window;
use crate::presence::service::notifier::ChangeNotifier;
use crate::presence::store::{ChangeCursor, Page, PresenceStore};

/// The feed, which subscriptions are made of.
#[derive(Clone)]
pub struct ChangeFeed {
    pub(super) shared: Arc<Shared>,
}

/// What the reader and all subscriptions share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn PresenceStore>,
    pub(super) stop: CancellationToken,
    pub(super) catch_up: CatchUp,
    /// Held by the one subscriber behind the end whose turn it is.
    pub(super) turn: tokio::sync::Mutex<Turn>,
    /// Changes after each change of the window.
    pub(super) changed: watch::Sender<()>,
    /// Notified when a subscription begins.
    pub(super) subscribed: Notify,
    /// Notified after commits of this process.
    pub(super) committed: watch::Receiver<()>,
    window: Mutex<Window>,
    subscribers: AtomicUsize,
    encode: EncodeEntry,
}

impl ChangeFeed {
    /// A feed of the log in `store`, whose entries `encode` writes. Its [reader](Self::read) must run.
    pub fn new(
        store: Arc<dyn PresenceStore>,
        notifier: &ChangeNotifier,
        encode: EncodeEntry,
        stop: CancellationToken,
    ) -> Self {
        let shared = Shared {
            store,
            stop,
            catch_up: CatchUp::default(),
            turn: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(()),
            subscribed: Notify::new(),
            committed: notifier.subscribe(),
            window: Mutex::default(),
            subscribers: AtomicUsize::new(0),
            encode,
        };
        Self { shared: Arc::new(shared) }
    }
}

impl Shared {
    pub(super) fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page behind `start`, encoded.
    pub(super) fn encode(&self, start: ChangeCursor, page: Page) -> Arc<LogPage> {
        Arc::new(LogPage::new(start, page, self.encode))
    }

    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }
}

/// Pages that subscribers behind the end take one after another before all of them pause.
const TURNS_IN_A_ROW: u32 = 8;
/// The pause: the threads that answer heartbeats have nothing else to do meanwhile.
const PAUSE: Duration = Duration::from_millis(1);

/// The turns that subscribers behind the end have taken since the last pause.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: u32,
}

impl Turn {
    /// Waits until all other tasks that can run have run; now and then a little longer.
    pub(super) async fn begin(&mut self) {
        self.taken += 1;
        if self.taken >= TURNS_IN_A_ROW {
            self.taken = 0;
            tokio::time::sleep(PAUSE).await;
        }
        tokio::task::yield_now().await;
    }
}

/// Counts a subscriber while it exists.
pub(super) struct Subscriber(Arc<Shared>);

impl Subscriber {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.subscribers.fetch_add(1, Ordering::Relaxed);
        shared.subscribed.notify_one();
        Self(shared)
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.0.subscribers.fetch_sub(1, Ordering::Relaxed);
    }
}
