//! Subscriptions: positions in the log that move forward without gaps.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::catch_up::PAGE;
use super::feed::{ChangeFeed, Shared, Subscriber};
use super::page::{Entry, LogPage};
use super::window::Following;
use crate::presence::store::{ChangeCursor, Changes, Result, Unavailable};

/// Most entries that a subscriber behind the end skips in one turn, as none of them is relevant: the look at an entry takes
/// some 30 ns.
const SKIPPED_PER_TURN: usize = 2_000;
/// The longest time until the window is looked at again.
const OPENING_TIME: Duration = Duration::from_millis(250);

/// An event of a subscription.
#[derive(Debug)]
pub enum FeedEvent {
    /// The next entries.
    Page(PageSlice),
    /// The entries behind the position are gone; those that the log has are behind this one.
    Gone(Changes),
}

/// A page, without the entries that the subscriber has.
#[derive(Debug)]
pub struct PageSlice {
    /// The page.
    pub page: Arc<LogPage>,
    /// The number of the first entry that the subscriber does not have.
    pub first: usize,
}

impl PageSlice {
    /// The entries that the subscriber does not have.
    pub fn entries(&self) -> &[Entry] {
        &self.page.entries[self.first..]
    }
}

/// A subscription to the log from a position on, without gaps.
pub struct FeedSubscription {
    subscriber: Subscriber,
    changed: watch::Receiver<()>,
    after: ChangeCursor,
    /// Whether `after` is known to be a position of the log in this generation of the window.
    verified: Option<u64>,
}

/// Whether a subscriber waits while the store is unavailable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    Fails,
}

impl ChangeFeed {
    /// Subscribes to the entries behind `after`, or behind the end of the log. `Err` of the inner result is the reason why
    /// no entries follow `after`.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn subscribe(
        &self,
        after: Option<ChangeCursor>,
    ) -> Result<std::result::Result<FeedSubscription, Changes>> {
        let subscriber = Subscriber::new(self.shared.clone());
        let changed = self.shared.changed.subscribe();
        let Some(after) = after else {
            let generation = self.shared.window().generation();
            let after = self.shared.store.end_of_changes().await?;
            return Ok(Ok(FeedSubscription { subscriber, changed, after, verified: Some(generation) }));
        };
        let mut subscription = FeedSubscription { subscriber, changed, after, verified: None };
        if let (Following::Unknown, _) = subscription.following()
            && let Some(gone) = subscription.catch_up(Patience::Fails).await?
        {
            return Ok(Err(gone));
        }
        Ok(Ok(subscription))
    }
}

impl FeedSubscription {
    /// The next event; `None` once the sidecar stops. Waits while the store is unavailable. Pages without an entry that
    /// `is_relevant` may be left out.
    pub async fn next(&mut self, is_relevant: impl Fn(&Entry) -> bool) -> Option<FeedEvent> {
        let stop = self.shared().stop.clone();
        stop.run_until_cancelled(self.await_next(is_relevant)).await
    }

    /// The position of the last event.
    pub fn position(&self) -> &ChangeCursor {
        &self.after
    }

    fn shared(&self) -> &Arc<Shared> {
        self.subscriber.shared()
    }

    async fn await_next(&mut self, is_relevant: impl Fn(&Entry) -> bool) -> FeedEvent {
        loop {
            self.changed.mark_unchanged();
            match self.following() {
                (Following::Page(page, true), generation) => return self.take(page, generation),
                // On the heap while they last: a stream nearly always waits at the end of the log, and there are many.
                (Following::Page(..), _) => {
                    if let Some(event) = Box::pin(self.take_turn(&is_relevant)).await {
                        return event;
                    }
                }
                (Following::Nothing, _) => _ = self.changed.changed().await,
                (Following::Unknown, _) => match Box::pin(self.catch_up(Patience::Waits)).await {
                    Ok(None) => {}
                    Ok(Some(gone)) => return FeedEvent::Gone(gone),
                    // The next attempt waits for its turn, and the pause before it.
                    Err(_) => {}
                },
            }
        }
    }

    /// What follows the position, as far as it is in memory, and the generation of the window.
    fn following(&self) -> (Following, u64) {
        let window = self.shared().window();
        let generation = window.generation();
        (window.following(&self.after, self.verified == Some(generation)), generation)
    }

    /// Takes the next page with a relevant entry when it is this subscriber's turn, after all other tasks that can run.
    async fn take_turn(&mut self, is_relevant: impl Fn(&Entry) -> bool) -> Option<FeedEvent> {
        let shared = self.shared().clone();
        let mut turn = shared.turn.lock().await;
        turn.begin().await;
        let mut skipped = 0;
        while skipped < SKIPPED_PER_TURN {
            let (Following::Page(page, _), generation) = self.following() else { return None };
            let slice = self.take_slice(page, generation);
            if slice.entries().iter().any(&is_relevant) {
                return Some(FeedEvent::Page(slice));
            }
            skipped += slice.entries().len().max(1);
        }
        None
    }

    fn take(&mut self, page: Arc<LogPage>, generation: u64) -> FeedEvent {
        FeedEvent::Page(self.take_slice(page, generation))
    }

    fn take_slice(&mut self, page: Arc<LogPage>, generation: u64) -> PageSlice {
        let first = page.first_after(&self.after);
        self.verified = Some(generation);
        self.after = self.after.joined(&page.end);
        PageSlice { page, first }
    }

    /// Reads the page that follows into memory, unless it is there already. At the end of the log it waits for a change of
    /// the window. Returns the reason why no entries follow.
    async fn catch_up(&mut self, patience: Patience) -> Result<Option<Changes>> {
        let shared = self.shared().clone();
        let generation = shared.window().generation();
        let mut pace = shared.catch_up.lock().await;
        if !matches!(self.following(), (Following::Unknown, _)) {
            return Ok(None);
        }
        if patience == Patience::Fails && pace.is_backing_off() {
            return Err(Unavailable::new("reads of the change log fail"));
        }
        pace.wait().await;
        let started = Instant::now();
        let read = shared.store.changes(Some(self.after.clone()), PAGE).await;
        pace.record(started, read.is_ok());
        drop(pace);
        match read? {
            Changes::Page(page) => {
                self.verified = Some(generation);
                if page.end.is_some() {
                    let page = shared.encode(self.after.clone(), page);
                    shared.window().keep(page);
                } else if patience == Patience::Waits {
                    // The window opens here soon.
                    _ = tokio::time::timeout(OPENING_TIME, self.changed.changed()).await;
                }
                Ok(None)
            }
            gone => Ok(Some(gone)),
        }
    }
}
