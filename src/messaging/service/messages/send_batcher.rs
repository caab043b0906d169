//! Batches the messages that clients send: those that wait at the same time are stored with one commit.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::seal::{SealKey, aad};
use crate::messaging::service::context::MessagingContext;
use crate::messaging::store::{GroupedWrite, MAX_GROUP_RECIPIENTS, NewMessage, Recipient};
use crate::storage::Unavailable;
use crate::storage::batch::{BatchSender, Request, answer_batches, batch_channel};
use crate::storage::sql::Error;

/// Maximum size of the plaintexts of a batch, in bytes: database servers limit the size of a statement.
const MAX_BYTES: usize = 1 << 20;

/// A message that a client has sent, before it is sealed for the store.
pub struct SentMessage {
    /// The idempotency key.
    pub id: String,
    /// The client.
    pub client: ClientId,
    /// The client's key.
    pub key: SealKey,
    /// The type.
    pub kind: String,
    /// The plaintext.
    pub text: Zeroizing<String>,
}

/// The sender of messages to store. The reply is false if the message was not stored, and must be stored alone.
pub type SendBatcher = BatchSender<Arc<SentMessage>, bool>;

impl SentMessage {
    /// Seals the message as one from the client to itself, where operators read it.
    pub fn seal(&self, recipient: &Recipient, now: &MessageTime) -> NewMessage {
        let sealed = self.key.seal(self.text.as_bytes(), &aad::of_sent(&recipient.id, &now.iso8601));
        let (from, to) = (Some(recipient.id.clone()), recipient.id.clone());
        NewMessage { from, to, kind: self.kind.clone(), sealed }
    }

    fn grouped<'a>(&'a self, now: &'a MessageTime) -> GroupedWrite<'a> {
        GroupedWrite {
            key: &self.id,
            recipients: std::slice::from_ref(&self.client),
            sequence: None,
            seal: Box::new(move |recipient| Some(self.seal(recipient, now))),
        }
    }
}

/// Returns the sender, and the worker that stores the messages. The worker ends when the sender is dropped.
pub fn start(context: Arc<MessagingContext>) -> (SendBatcher, BoxFuture<'static, ()>) {
    let (sender, requests) = batch_channel();
    let worker = async move { answer_batches(requests, batch_size, |batch| store(&context, batch)).await };
    (sender, Box::pin(worker))
}

fn batch_size(waiting: &[Request<Arc<SentMessage>, bool>]) -> usize {
    let mut bytes = 0;
    let fits = |request: &&Request<Arc<SentMessage>, bool>| {
        bytes += request.payload.text.len();
        bytes <= MAX_BYTES
    };
    waiting.iter().take(MAX_GROUP_RECIPIENTS).take_while(fits).count()
}

/// Stores a batch; returns whether the database answered.
async fn store(context: &MessagingContext, batch: Vec<Request<Arc<SentMessage>, bool>>) -> bool {
    let write = |now: MessageTime| {
        let batch = &batch;
        async move {
            let writes: Vec<_> = batch.iter().map(|request| request.payload.grouped(&now)).collect();
            context.write_group(&writes, &now.stored).await
        }
    };
    match context.at_now(write).await {
        Ok(results) => {
            batch.into_iter().zip(results).for_each(|(request, result)| request.reply(Ok(result.is_some())));
        }
        Err(error @ Error::Unavailable(_)) if !error.is_interruption() => {
            let error = Unavailable::from(error);
            batch.into_iter().for_each(|request| request.reply(Err(error.clone())));
            return false;
        }
        // One of them may be at fault, or meet a lock.
        Err(_) => batch.into_iter().for_each(|request| request.reply(Ok(false))),
    }
    true
}
