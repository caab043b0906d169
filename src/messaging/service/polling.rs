//! Polls: what clients ask all the time, mostly for nothing.
//!
//! Where clients stand is asked once for all who poll at the same time. That says whether the token is right and whether
//! there is anything behind the cursor; only who has messages waiting is asked for alone.

use std::time::Instant;

use futures_util::future::BoxFuture;

use super::{Caller, Messaging, Outcome};
use crate::messaging::domain::{ClientId, PollCursor};
use crate::messaging::store::{MessageRecord, MessageStore, PollState, STANDINGS};
use crate::storage;
use crate::storage::batch::{BatchReceiver, BatchSender, Request, batch_channel};

/// Most messages that one poll gives.
const POLLED: i64 = 50;

/// Clients whose standing is asked for.
pub(super) type PollBatcher = BatchSender<ClientId, Option<PollState>>;

/// The callers' end, and the worker that asks for them. It ends with the callers' end.
pub(super) fn standings(store: MessageStore) -> (PollBatcher, BoxFuture<'static, ()>) {
    let (standings, asking) = batch_channel();
    (standings, Box::pin(ask(store, asking)))
}

async fn ask(store: MessageStore, mut groups: BatchReceiver<ClientId, Option<PollState>>) {
    let mut waiting: Vec<Request<ClientId, Option<PollState>>> = Vec::new();
    while !waiting.is_empty() || groups.next(&mut waiting).await {
        let group: Vec<_> = waiting.drain(..waiting.len().min(STANDINGS)).collect();
        let ids: Vec<ClientId> = group.iter().map(|asked| asked.payload.clone()).collect();
        match store.standings(&ids).await {
            Ok(standings) => group.into_iter().zip(standings).for_each(|(asked, found)| asked.reply(Ok(found))),
            Err(error) => {
                let error = storage::Unavailable::from(error);
                group.into_iter().for_each(|asked| asked.reply(Err(error.clone())));
                groups.fail_waiting(&mut waiting);
            }
        }
        groups.fill(&mut waiting);
    }
}

impl Messaging {
    /// A client's messages behind the cursor, by rising id: at most 50.
    pub async fn poll(&self, caller: &Caller, cursor: PollCursor) -> Outcome<Vec<MessageRecord>> {
        let started = Instant::now();
        let standing = self.known(self.standings.call(caller.id.clone()).await?)?;
        self.check(caller, &standing.token_hash, standing.token_encrypted.as_deref()).await?;
        let after = match cursor {
            PollCursor::Acknowledged => standing.acknowledged,
            // Ids are positive, and unsigned on MySQL.
            PollCursor::After(id) => id.max(0),
        };
        let messages = match standing.newest > after {
            true => self.store.messages_of(&standing.id, after, POLLED).await?,
            false => Vec::new(),
        };
        self.metrics.poll_seconds.record(started.elapsed());
        self.metrics.polls.increment(1);
        self.saw(&caller.id);
        Ok(messages.into_iter().map(|message| self.told(message)).collect())
    }
}
