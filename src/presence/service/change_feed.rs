//! The change feed: one task reads the growing change log for all subscribers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::presence::domain::Change;
use crate::presence::store::{ChangeCursor, Changes, PresenceStore, Result};

/// How often the log is read without a notification: for changes that other replicas recorded.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Most entries of one read.
const PAGE_SIZE: usize = 1_000;
/// A subscriber that falls behind by more entries than this reads the log by itself again.
const BACKLOG: usize = 4_096;

/// An entry and its position.
pub type Entry = Arc<(ChangeCursor, Change)>;

/// A message of the reading task to subscribers.
#[derive(Clone, Debug)]
enum FeedMessage {
    /// The next entry.
    Entry(Entry),
    /// Entries are sent from here on; subscribers read earlier ones by themselves.
    Resync,
}

/// The feed, which subscriptions are made of.
#[derive(Clone)]
pub struct ChangeFeed {
    store: Arc<dyn PresenceStore>,
    messages: broadcast::Sender<FeedMessage>,
    stop: CancellationToken,
}

/// An event of a subscription.
#[derive(Debug)]
pub enum FeedEvent {
    /// The next entry.
    Entry(Entry),
    /// Entries were removed before they could be sent; the remaining ones are behind this position.
    Trimmed(ChangeCursor),
}

/// A subscription to the log from a position on, without gaps.
pub struct FeedSubscription {
    feed: ChangeFeed,
    live: broadcast::Receiver<FeedMessage>,
    after: ChangeCursor,
    page: std::vec::IntoIter<(ChangeCursor, Change)>,
    end: Option<ChangeCursor>,
    behind: bool,
}

impl ChangeFeed {
    /// A feed of the log in `store`.
    pub fn new(store: Arc<dyn PresenceStore>, stop: CancellationToken) -> Self {
        Self { store, messages: broadcast::Sender::new(BACKLOG), stop }
    }

    /// Subscribes to the entries behind `after`, or behind the end of the log.
    pub async fn subscribe(&self, after: Option<ChangeCursor>) -> Result<FeedSubscription> {
        let live = self.messages.subscribe();
        let after = match after {
            Some(after) => after,
            None => self.store.end_of_changes().await?,
        };
        Ok(FeedSubscription { feed: self.clone(), live, after, page: Vec::new().into_iter(), end: None, behind: true })
    }

    /// Reads the log for all subscriptions until the feed is stopped; only while there are any. `notifier` wakes it.
    pub async fn run(self, mut notifier: watch::Receiver<()>) {
        let mut last = None;
        let stop = self.stop.clone();
        let reading = async {
            loop {
                last = if self.messages.receiver_count() == 0 { None } else { self.read(last).await.or(last) };
                _ = tokio::time::timeout(POLL_INTERVAL, notifier.changed()).await;
            }
        };
        stop.run_until_cancelled(reading).await;
    }

    /// Sends the entries behind `last` to all subscribers, and returns the new end of the log; without `last` that is all.
    async fn read(&self, last: Option<ChangeCursor>) -> Option<ChangeCursor> {
        let Some(mut last) = last else {
            let end = self.store.end_of_changes().await.ok()?;
            _ = self.messages.send(FeedMessage::Resync);
            return Some(end);
        };
        loop {
            match self.store.changes(Some(last), PAGE_SIZE).await.ok()? {
                Changes::Trimmed(oldest) => {
                    last = oldest;
                    _ = self.messages.send(FeedMessage::Resync);
                }
                Changes::Page(page) => {
                    for entry in page.entries {
                        _ = self.messages.send(FeedMessage::Entry(Arc::new(entry)));
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
    /// The next event; `None` once the sidecar stops. Waits while the store is unavailable.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        let stop = self.feed.stop.clone();
        stop.run_until_cancelled(self.await_next()).await
    }

    /// The position of the last event.
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
                match self.feed.store.changes(Some(self.after), PAGE_SIZE).await {
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
                // This subscriber has already read the entry by itself.
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
