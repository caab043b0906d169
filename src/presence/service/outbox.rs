//! Plans the operations on the outbox before commits are sent to the store.

use crate::presence::domain::Outbox;
use crate::presence::domain::identity::UserKey;
use crate::presence::store::{Commit, PresenceStore, Result};

/// Plans the outbox operations of each commit, from its changes and, for users who come back, from the jobs that are
/// held of them. All of those are read in one round trip; there is none if no user comes back.
///
/// # Errors
/// The held jobs cannot be read.
pub async fn plan_outbox(store: &dyn PresenceStore, outbox: &Outbox, commits: &mut [Commit]) -> Result<()> {
    if outbox.queues.is_empty() {
        return Ok(());
    }
    let mut returning = Vec::new();
    for (position, commit) in commits.iter_mut().enumerate() {
        if outbox.needs_held(&commit.decision.changes) {
            returning.push(position);
        } else {
            commit.outbox = outbox.plan(&commit.decision.changes, &[]);
        }
    }
    if returning.is_empty() {
        return Ok(());
    }
    let keys: Vec<UserKey> = returning.iter().map(|position| commits[*position].key.clone()).collect();
    let held = store.held(&keys).await?;
    for (position, held) in returning.into_iter().zip(held) {
        let commit = &mut commits[position];
        commit.outbox = outbox.plan(&commit.decision.changes, &held);
    }
    Ok(())
}
