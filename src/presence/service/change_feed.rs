//! The change log as it grows: one task reads it for everybody who follows it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::notifier::ChangeNotifier;
use crate::presence::domain::Change;
use crate::presence::store::{ChangeCursor, Changes, PresenceStore, Result};

/// How often the log is looked at when no bell rings: changes that other replicas recorded.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// So many entries are read at once.
const PAGE: usize = 1_000;
/// Who falls behind by more than this reads the log by itself again.
const BACKLOG: usize = 4_096;

/// An entry and its place.
pub type Entry = Arc<(ChangeCursor, Change)>;

/// What the reading task tells followers.
#[derive(Clone, Debug)]
enum FeedMessage {
    /// The next entry.
    Entry(Entry),
    /// From here on entries are told; what came before, everybody reads by himself.
    Resync,
}

/// Where followers come from.
#[derive(Clone)]
pub struct ChangeFeed {
    store: Arc<dyn PresenceStore>,
    told: broadcast::Sender<FeedMessage>,
    stop: CancellationToken,
}

/// What a follower is told.
#[derive(Debug)]
pub enum FeedEvent {
    /// The next entry.
    Entry(Entry),
    /// Entries were removed before they could be told; what is still there follows this place.
    Trimmed(ChangeCursor),
}

/// Somebody who follows the log from a place on, and misses nothing.
pub struct FeedSubscription {
    feed: ChangeFeed,
    live: broadcast::Receiver<FeedMessage>,
    after: ChangeCursor,
    page: std::vec::IntoIter<(ChangeCursor, Change)>,
    end: Option<ChangeCursor>,
    behind: bool,
}

impl ChangeFeed {
    /// A feed of the log in `store`, and its worker, which reads only while somebody follows.
    pub fn new(
        store: Arc<dyn PresenceStore>,
        notifier: &ChangeNotifier,
        stop: CancellationToken,
    ) -> (Self, impl Future<Output = ()> + use<>) {
        let feed = Self { store, told: broadcast::Sender::new(BACKLOG), stop };
        let worker = feed.clone().run(notifier.subscribe());
        (feed, worker)
    }

    /// A follower from `after` on, or from the end of the log.
    pub async fn subscribe(&self, after: Option<ChangeCursor>) -> Result<FeedSubscription> {
        let live = self.told.subscribe();
        let after = match after {
            Some(after) => after,
            None => self.store.end_of_changes().await?,
        };
        Ok(FeedSubscription { feed: self.clone(), live, after, page: Vec::new().into_iter(), end: None, behind: true })
    }

    /// Until told to stop.
    async fn run(self, mut notifier: watch::Receiver<()>) {
        let mut last = None;
        let stop = self.stop.clone();
        let reading = async {
            loop {
                last = if self.told.receiver_count() == 0 { None } else { self.read(last).await.or(last) };
                _ = tokio::time::timeout(POLL_INTERVAL, notifier.changed()).await;
            }
        };
        stop.run_until_cancelled(reading).await;
    }

    /// Tells everybody what follows `last`, which is the end of the log at first; gives where it ends now.
    async fn read(&self, last: Option<ChangeCursor>) -> Option<ChangeCursor> {
        let Some(mut last) = last else {
            let end = self.store.end_of_changes().await.ok()?;
            _ = self.told.send(FeedMessage::Resync);
            return Some(end);
        };
        loop {
            match self.store.changes(Some(last), PAGE).await.ok()? {
                Changes::Trimmed(oldest) => {
                    last = oldest;
                    _ = self.told.send(FeedMessage::Resync);
                }
                Changes::Page(page) => {
                    for entry in page.entries {
                        _ = self.told.send(FeedMessage::Entry(Arc::new(entry)));
                    }
                    last = page.end.unwrap_or(last);
                    if !page.full {
                        return Some(last);
                    }
                }
            }
        }
    }
}

impl FeedSubscription {
    /// What follows; `None` once the sidecar stops. While the store is down it waits.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        let stop = self.feed.stop.clone();
        stop.run_until_cancelled(self.await_next()).await
    }

    /// Behind everything that was told.
    pub fn position(&self) -> ChangeCursor {
        self.after
    }

    async fn await_next(&mut self) -> FeedEvent {
        loop {
            if let Some(entry) = self.page.next() {
                self.after = entry.0;
                return FeedEvent::Entry(Arc::new(entry));
            }
            self.after = self.end.take().unwrap_or(self.after);
            if self.behind {
                match self.feed.store.changes(Some(self.after), PAGE).await {
                    Ok(Changes::Page(page)) => {
                        (self.behind, self.end) = (page.full, page.end);
                        self.page = page.entries.into_iter();
                    }
                    Ok(Changes::Trimmed(oldest)) => {
                        self.after = oldest;
                        return FeedEvent::Trimmed(oldest);
                    }
                    Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
                }
                continue;
            }
            match self.live.recv().await {
                // This follower has caught up beyond it by itself.
                Ok(FeedMessage::Entry(entry)) if entry.0 <= self.after => {}
                Ok(FeedMessage::Entry(entry)) => {
                    self.after = entry.0;
                    return FeedEvent::Entry(entry);
                }
                Ok(FeedMessage::Resync) | Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
