//! Publication of messages to many clients, directly or through a queue.
//!
//! With a queue, a publication is split into jobs, which are pushed in one commit before the response: an answered
//! publication survives a crash at any moment. The jobs are encrypted with `APP_KEY`, as Laravel does for encrypted jobs. A
//! worker claims them and calls [`Publisher::fan_out`]; without a queue, that happens before the response.
//!
//! **Order.** The messages of a client always go through the same lane of the queue, and a lane is first in, first out: of
//! two publications, the one that was answered first reaches every client first. Only a dead letter that is replayed
//! arrives later.
//!
//! **Idempotency.** A job that was interrupted, or claimed again after its lease expired, is repeated; the
//! [writes](crate::messaging::store) that had happened are skipped.

mod fanout;
mod fanout_job;
mod jobs;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use self::fanout::{Fanout, fanout_id};
use self::fanout_job::encode;
pub use self::fanout_job::{LANES, QUEUE};
pub use self::jobs::JobView;
use super::context::MessagingContext;
use super::error::{MessagingError, Result};
use crate::messaging::domain::MessageTime;
use crate::messaging::seal::aad;
use crate::messaging::store::{IdempotentWrite, NewMessage, Recipient, WriteResult};
use crate::queue::{NewJob, Queue};
use crate::storage::sql;

/// Publishes messages to many clients.
pub struct Publisher {
    context: Arc<MessagingContext>,
    queue: Option<Arc<dyn Queue>>,
    /// Notified when a job was pushed or replayed.
    pushed: Notify,
}

impl Publisher {
    /// Creates a publisher that fans out through `queue`, or before the response if there is none.
    pub fn new(context: Arc<MessagingContext>, queue: Option<Arc<dyn Queue>>) -> Self {
        Self { context, queue, pushed: Notify::new() }
    }

    /// The queue of fan-out jobs, if there is one.
    pub fn queue(&self) -> Option<&Arc<dyn Queue>> {
        self.queue.as_ref()
    }

    /// Waits until this process pushes or replays a job.
    pub async fn wait_for_jobs(&self) {
        self.pushed.notified().await;
    }

    /// Publishes a message: stores it for each recipient, or queues it. A publication that is repeated is stored once.
    ///
    /// # Errors
    /// The database or the queue does not answer. The publication may have been accepted or not.
    pub async fn publish(&self, fanout: &Fanout) -> Result<()> {
        self.context.check_storable("type", &fanout.kind)?;
        let Some(queue) = &self.queue else { return self.fan_out(fanout).await };
        let jobs = fanout.split();
        let payloads: Vec<Vec<u8>> =
            jobs.iter().map(|(_, job)| self.context.crypt.encrypt(&encode(job)).into_bytes()).collect();
        let new_jobs = jobs.iter().zip(&payloads).map(|((lane, job), payload)| NewJob {
            id: &job.id,
            lane,
            payload,
            delay: Duration::ZERO,
        });
        queue.push(QUEUE, &new_jobs.collect::<Vec<_>>()).await?;
        self.pushed.notify_one();
        Ok(())
    }

    /// Stores the message for every known recipient, once. Skips unknown recipients, and recipients whose keys do not
    /// decrypt.
    ///
    /// # Errors
    /// [`MessagingError::UndecryptableSecret`] if no key in a chunk of recipients decrypts: `APP_KEY` is wrong, and the
    /// fan-out can be repeated with the right one. The other chunks are stored.
    pub async fn fan_out(&self, fanout: &Fanout) -> Result<()> {
        let (mut unknown, mut undecryptable, mut result) = (0, 0, Ok(()));
        for (key, recipients) in fanout.chunks() {
            let key = key.as_str();
            let write = |now: MessageTime| async move {
                let plain = fanout.plaintext(&now);
                let seal = |recipient: &Recipient| self.seal(fanout, recipient, plain.as_bytes(), &now);
                self.write(&IdempotentWrite { key, recipients, at: &now.stored }, seal).await
            };
            match self.context.at_now(write).await? {
                WriteResult::Stored { messages, unsealed } => {
                    unknown += recipients.len() - messages - unsealed;
                    undecryptable += unsealed;
                }
                WriteResult::AlreadyDone => {}
                WriteResult::NoKey => result = Err(MessagingError::UndecryptableSecret),
            }
        }
        if unknown > 0 {
            tracing::info!(missing = unknown, "unknown recipients were skipped");
        }
        if undecryptable > 0 {
            tracing::error!(passed_over = undecryptable, "recipients whose keys do not decrypt were skipped");
        }
        result
    }

    /// Writes messages to the store, and records the time it took.
    pub async fn write<S>(&self, write: &IdempotentWrite<'_>, seal: S) -> sql::Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        let started = Instant::now();
        let result = self.context.store.write_messages(write, seal).await?;
        self.context.metrics.deliver_seconds.record(started.elapsed());
        if let WriteResult::Stored { messages, .. } = result {
            self.context.metrics.stored.increment(messages as u64);
        }
        Ok(result)
    }

    fn seal(&self, fanout: &Fanout, recipient: &Recipient, plain: &[u8], now: &MessageTime) -> Option<NewMessage> {
        let Some(key) = self.context.decrypt_key(&recipient.key_encrypted) else {
            tracing::error!(client = recipient.id.as_str(), "the client's key does not decrypt: another APP_KEY?");
            return None;
        };
        Some(NewMessage {
            from: fanout.from.clone(),
            to: recipient.id.clone(),
            kind: fanout.kind.clone(),
            sealed: key.seal(plain, &aad::of_fan_out(&recipient.id, &now.iso8601)),
        })
    }
}
