//! Polls and acknowledgements.
//!
//! Most polls find no messages. The poll states of all clients that poll at the same time are read with one query, which
//! tells whether the token is valid and whether there are messages after the cursor; only then the messages are read, with
//! those of other polls in one query.

use std::time::Instant;

use super::{Messages, ack_batcher};
use crate::messaging::domain::PollCursor;
use crate::messaging::service::clients::Caller;
use crate::messaging::service::error::Result;
use crate::messaging::store::{MessageRecord, PageRequest};

/// Maximum number of messages in the response to a poll.
const PAGE: i64 = 50;

impl Messages {
    /// Returns a client's messages after the cursor, by ascending id: at most 50.
    pub async fn poll(&self, caller: &Caller, cursor: PollCursor) -> Result<Vec<MessageRecord>> {
        let started = Instant::now();
        let state = self.reads.states.call(caller.id.clone()).await?;
        let state = self.clients.authenticate_poll(caller, state).await?;
        let after = match cursor {
            PollCursor::Acknowledged => state.acknowledged,
            // Ids are positive, and unsigned on MySQL.
            PollCursor::After(id) => id.max(0),
        };
        let messages = match state.newest > after {
            true => {
                let page = self.reads.pages.call(PageRequest { client: state.id, after, limit: PAGE }).await?;
                self.context.store.complete(page).await?
            }
            false => Vec::new(),
        };
        self.context.metrics.poll_seconds.record(started.elapsed());
        self.context.metrics.polls.increment(1);
        self.context.mark_seen(&caller.id);
        Ok(messages.into_iter().map(|message| self.context.with_client_time(message)).collect())
    }

    /// Stores that the client has received all messages up to `id`. The stored id never decreases.
    pub async fn acknowledge(&self, caller: &Caller, id: i64) -> Result<()> {
        let client = self.clients.authenticate(caller).await?;
        let acknowledgement = (client.id, id);
        match self.acks.call(acknowledgement.clone()).await? {
            true => Ok(()),
            false => Ok(ack_batcher::store(&self.context, std::iter::once(acknowledgement)).await?),
        }
    }
}
