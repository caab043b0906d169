//! Loads users in batches.

use std::sync::Arc;

use super::clock::Clock;
use crate::presence::domain::identity::UserKey;
use crate::presence::store::{PresenceStore, StoredUser};
use crate::storage::batch::{BatchReceiver, Request, answer_batches};

/// Loads the users of all waiting requests in one round trip, again and again, until no more requests can come.
pub(super) async fn run_load_batches(
    store: Arc<dyn PresenceStore>,
    clock: Arc<Clock>,
    receiver: BatchReceiver<UserKey, StoredUser>,
) {
    let answer = |requests| answer_loads(store.as_ref(), &clock, requests);
    answer_batches(receiver, <[_]>::len, answer).await;
}

/// Loads the users of `requests` and replies; returns whether the store answered.
async fn answer_loads(store: &dyn PresenceStore, clock: &Clock, requests: Vec<Request<UserKey, StoredUser>>) -> bool {
    let keys: Vec<UserKey> = requests.iter().map(|request| request.payload.clone()).collect();
    match store.load(&keys, clock.now()).await {
        Ok(users) => {
            requests.into_iter().zip(users).for_each(|(request, user)| request.reply(Ok(user)));
            true
        }
        Err(error) => {
            requests.into_iter().for_each(|request| request.reply(Err(error.clone())));
            false
        }
    }
}
