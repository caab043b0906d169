//! Erases what is stored about one user, in every scope.
//!
//! The state, the rosters, the due time and Laravel's record go by a commit, as any other change of a user: a sidecar that
//! runs at the same time notices it by the version. Then the entries of the change log and the deliveries.
//!
//! A user who is present is refused: the next heartbeat would begin a new state, and a sidecar takes a state that vanishes
//! between two heartbeats for one that the store has lost, and writes it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::domain::identity::{Scope, Subject, UserId, UserKey};
use super::super::domain::{Decision, OutboxPlan, RecordLookup, RecordWrite, Status, View, Windows};
use super::super::store::{Commit, Committed, PresenceStore, Result, Unavailable};
use crate::queue::Queue;

/// Users on a page of a scan.
const PAGE: usize = 1_000;

/// How often the commit of a user is tried who is written to at the same time.
const MAX_TRIES: usize = 8;

/// Erases users.
pub struct Eraser {
    /// The store.
    pub store: Arc<dyn PresenceStore>,
    /// The queues of the outbox.
    pub queue: Arc<dyn Queue>,
    /// The names of the queues.
    pub queues: Vec<String>,
    /// Whether the guard is a part of keys.
    pub include_guard: bool,
    /// How long heartbeats count.
    pub windows: Windows,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// States and Laravel records: one of each scope.
    pub states: usize,
    /// Entries of the change log.
    pub changes: usize,
    /// Deliveries that waited, and dead letters.
    pub deliveries: usize,
}

impl Eraser {
    /// Erases a user.
    ///
    /// # Errors
    /// The user is present, or the store is unavailable. What was erased until then stays erased; the call can be repeated.
    pub async fn erase(&self, user: &UserId) -> Result<Erased> {
        let plain = Subject::new(user.clone(), Scope::default(), self.include_guard).key;
        let mut keys = self.remembered(plain.member()).await?;
        keys.insert(plain.clone());
        let now = self.store.time().await?;
        let all: Vec<UserKey> = keys.iter().cloned().collect();
        for (key, known) in all.iter().zip(self.store.load(&all, now).await?) {
            let status = View::of_known(known.state, known.record, &self.windows, now).status;
            if status.is_present() {
                return Err(Unavailable::new(format!(
                    "{} is {}: stop the heartbeats and call offline(), or wait until the user is offline",
                    key.as_str(),
                    status.as_str()
                )));
            }
        }
        let mut erased = Erased::default();
        for key in &keys {
            erased.states += usize::from(self.erase_state(key).await?);
        }
        let changes = self.store.erase_changes(plain.member()).await?;
        erased.changes = changes.len();
        for change in changes {
            let key = Subject::new(change.user_id, change.scope, self.include_guard).key;
            // Such a user is remembered no more, but Laravel's record may be there.
            if keys.insert(key.clone()) {
                erased.states += usize::from(self.erase_state(&key).await?);
            }
        }
        for key in &keys {
            for queue in &self.queues {
                erased.deliveries += self.queue.erase_lane(queue, key.as_str()).await?;
            }
        }
        Ok(erased)
    }

    /// The keys of all remembered users of this name.
    async fn remembered(&self, member: &str) -> Result<BTreeSet<UserKey>> {
        let (mut keys, mut from) = (BTreeSet::new(), Some(0));
        while let Some(position) = from {
            let (page, next) = self.store.scan(position, PAGE).await?;
            keys.extend(page.into_iter().filter(|key| key.member() == member));
            from = next;
        }
        Ok(keys)
    }

    /// Removes state and record; returns whether there was one of them.
    async fn erase_state(&self, key: &UserKey) -> Result<bool> {
        for _ in 0..MAX_TRIES {
            let now = self.store.time().await?;
            let Some(stored) = self.store.load(std::slice::from_ref(key), now).await?.pop() else { return Ok(false) };
            if stored.version == 0 && matches!(stored.record, RecordLookup::Missing | RecordLookup::Unknown) {
                return Ok(false);
            }
            let roster_status = stored.state.as_ref().map_or(Status::Offline, |state| state.status);
            let decision = Decision {
                state: None,
                dirty: true,
                before: roster_status,
                changes: Vec::new(),
                record: RecordWrite::Forget,
                due: None,
            };
            let outbox = OutboxPlan::default();
            let commit = Commit { key: key.clone(), expected: stored.version, roster_status, decision, outbox };
            if self.store.commit(&[commit], now).await? == [Committed::Done] {
                return Ok(true);
            }
        }
        Err(Unavailable::new("the user is written to all the time: stop the heartbeats of the user first"))
    }
}
