//! Publication of messages to many clients, directly or through a queue.
//!
//! With a queue, a publication is split into jobs, which are pushed in one commit before the response: an answered
//! publication survives a crash at any moment. The jobs are encrypted with `APP_KEY`, as Laravel does for encrypted jobs. A
//! worker claims them and calls [`Publisher::fan_out_lanes`], and [`Publisher::fan_out`] for a job that cannot be stored with
//! others. A publication to few clients is stored before the response if its lanes are idle; without a queue, each is.
//!
//! **Order.** The messages of a client always go through the same lane of the queue, and a lane is first in, first out. A
//! publication goes past the queue only while its lanes have no jobs. So a client gets a publication after all that were
//! answered before it was sent. Only a dead letter that is replayed arrives later.
//!
//! **Idempotency.** A job that was interrupted, or claimed again after its lease expired, is repeated; the
//! [writes](crate::messaging::store) that had happened are skipped.

mod acceptor;
mod fanout;
mod fanout_job;
mod groups;
mod jobs;

use std::sync::Arc;

use tokio::sync::Notify;

use self::acceptor::{Acceptor, Publication, PublicationSender};
use self::fanout::Skipped;
pub use self::fanout::{Fanout, fanout_id};
pub use self::fanout_job::{LANES, QUEUE};
pub use self::jobs::JobView;
use super::context::MessagingContext;
use super::error::{MessagingError, Result};
use crate::messaging::domain::MessageTime;
use crate::messaging::store::{IdempotentWrite, Recipient, WriteResult};
use crate::queue::Queue;
use crate::storage::batch::NamedTasks;

/// Publishes messages to many clients.
pub struct Publisher {
    context: Arc<MessagingContext>,
    queued: Option<QueuedPublications>,
    /// Notified when a job was pushed or replayed.
    pushed: Arc<Notify>,
}

/// What a publisher with a queue has.
struct QueuedPublications {
    queue: Arc<dyn Queue>,
    acceptor: Arc<Acceptor>,
    publications: PublicationSender,
}

impl Publisher {
    /// Creates a publisher that fans out through `queue`, or before the response if there is none; and the worker that
    /// accepts publications, which ends when the publisher is dropped.
    pub fn new(context: Arc<MessagingContext>, queue: Option<Arc<dyn Queue>>) -> (Self, NamedTasks) {
        let pushed = Arc::new(Notify::new());
        let Some(queue) = queue else { return (Self { context, queued: None, pushed }, Vec::new()) };
        let acceptor = Arc::new(Acceptor::new(context.clone(), queue.clone(), pushed.clone()));
        let (publications, worker) = acceptor.clone().start();
        (
            Self { context, queued: Some(QueuedPublications { queue, acceptor, publications }), pushed },
            vec![("publications", worker)],
        )
    }

    /// The queue of fan-out jobs, if there is one.
    pub fn queue(&self) -> Option<&Arc<dyn Queue>> {
        self.queued.as_ref().map(|queued| &queued.queue)
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
        let Some(queued) = &self.queued else { return self.fan_out(fanout).await };
        match queued.publications.call(Publication::new(fanout)).await? {
            true => Ok(()),
            false => self.enqueue(fanout).await,
        }
    }

    /// Queues a message, whatever else waits.
    ///
    /// # Errors
    /// The queue does not answer. The message may have been queued or not.
    pub async fn enqueue(&self, fanout: &Fanout) -> Result<()> {
        match &self.queued {
            Some(queued) => Ok(queued.acceptor.push(&[&Publication::new(fanout)]).await?),
            None => self.fan_out(fanout).await,
        }
    }

    /// Stores the message for every known recipient, once. Skips unknown recipients, and recipients whose keys do not
    /// decrypt.
    ///
    /// # Errors
    /// [`MessagingError::UndecryptableSecret`] if no key in a chunk of recipients decrypts: `APP_KEY` is wrong, and the
    /// fan-out can be repeated with the right one. The other chunks are stored.
    pub async fn fan_out(&self, fanout: &Fanout) -> Result<()> {
        let (mut skipped, mut result, context) = (Skipped::default(), Ok(()), self.context.as_ref());
        for (key, recipients) in fanout.chunks() {
            let key = key.as_str();
            let write = |now: MessageTime| async move {
                let plain = fanout.plaintext(&now);
                let seal = |recipient: &Recipient| fanout.seal(context, recipient, (&plain, &now));
                context.write(&IdempotentWrite { key, recipients, at: &now.stored }, seal).await
            };
            match context.at_now(write).await? {
                WriteResult::NoKey => result = Err(MessagingError::UndecryptableSecret),
                stored => skipped.count(recipients.len(), stored),
            }
        }
        skipped.log();
        result
    }
}
