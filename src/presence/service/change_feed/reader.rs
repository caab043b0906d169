//! The reader: keeps the window at the end of the log while there are subscribers.

use std::time::{Duration, Instant};

use super::catch_up::{PAGE, backoff};
use super::feed::{ChangeFeed, Shared};
use crate::presence::store::{ChangeCursor, Changes, Result};

/// How often the log is read without a notification: for changes that other replicas recorded.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The pause after a read, as a multiple of its time, so that many small commits share a read, and at least and at most this.
const PAUSE_PER_READ: u32 = 9;
const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(10);
/// The part of the pause for each subscriber: each read wakes all of them.
const PAUSE_PER_SUBSCRIBER: Duration = Duration::from_micros(10);

impl ChangeFeed {
    /// Reads for all subscribers until the feed is stopped. May be called again if it ends early.
    pub async fn read(self) {
        let shared = self.shared;
        let reading = async {
            let mut committed = shared.committed.clone();
            let mut failures = 0;
            loop {
                if shared.subscribers() == 0 {
                    shared.window().close();
                    shared.subscribed.notified().await;
                    continue;
                }
                let started = Instant::now();
                match shared.read_to_end().await {
                    Ok(()) => failures = 0,
                    Err(error) => {
                        failures += 1;
                        tracing::debug!(error = error.reason(), "the change feed waits for the presence store");
                        tokio::time::sleep(backoff(failures)).await;
                        continue;
                    }
                }
                tokio::time::sleep(pause(started.elapsed(), shared.subscribers())).await;
                _ = tokio::time::timeout(POLL_INTERVAL, committed.changed()).await;
            }
        };
        shared.stop.run_until_cancelled(reading).await;
    }
}

/// The pause after a read that took `elapsed`.
fn pause(elapsed: Duration, subscribers: usize) -> Duration {
    let for_read = elapsed.saturating_mul(PAUSE_PER_READ).clamp(MIN_PAUSE, MAX_PAUSE);
    let subscribers = u32::try_from(subscribers).unwrap_or(u32::MAX);
    for_read + PAUSE_PER_SUBSCRIBER.saturating_mul(subscribers).min(POLL_INTERVAL)
}

impl Shared {
    /// Reads what follows the end of the window; opens the window if it is closed.
    async fn read_to_end(&self) -> Result<()> {
        let known = self.window().end();
        let mut end = match known {
            Some(end) => end,
            None => {
                let end = self.store.end_of_changes().await?;
                self.window().open(end.clone());
                self.changed.send_replace(());
                end
            }
        };
        while let Some(next) = self.read_page(end).await? {
            end = next;
        }
        Ok(())
    }

    /// Reads the page behind `end`, and returns its end if more may follow.
    async fn read_page(&self, end: ChangeCursor) -> Result<Option<ChangeCursor>> {
        match self.store.changes(Some(end.clone()), PAGE).await? {
            Changes::Page(page) => {
                let full = page.full;
                let Some(end_of_page) = page.end.clone() else { return Ok(None) };
                let page = self.encode(end, page);
                self.window().append(page);
                self.changed.send_replace(());
                Ok(full.then_some(end_of_page))
            }
            Changes::Trimmed(_) | Changes::Foreign(_) => {
                self.window().reset();
                self.changed.send_replace(());
                Ok(None)
            }
        }
    }
}
