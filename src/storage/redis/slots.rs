//! Pipelines whose commands have slots of their own.

use redis::{Pipeline, RedisError, Value};

use super::cluster::Slots;
use super::connection::{Link, RedisConnection, first_error};
use crate::storage::{Result, Unavailable};

/// Commands of a pipeline that failed.
#[derive(Debug)]
pub struct FailedCommands {
    /// Their places in the pipeline: those for nodes that did not reply, or the one that was refused.
    pub places: Vec<usize>,
    /// The reason.
    pub error: Unavailable,
}

impl RedisConnection {
    /// Sends the commands of a pipeline in a cluster, each to the node of its slot, to all nodes at the same time. Returns
    /// the replies in their order. On one server it is a pipeline like any other.
    ///
    /// # Errors
    /// The first error reply that is not `harmless`, or a node does not reply in time.
    pub async fn send_to_slots(
        &self,
        pipeline: &Pipeline,
        slots: &[u16],
        harmless: impl Fn(&RedisError) -> bool,
    ) -> Result<Vec<Value>> {
        self.send_each_to_slot(pipeline, slots, &harmless).await.map_err(|failed| failed.error)
    }

    /// Like [`send_to_slots`](Self::send_to_slots), for an idempotent pipeline; retries once when a connection is lost.
    ///
    /// # Errors
    /// The first error reply that is not `harmless`, or a node does not reply in time. It names the commands that failed.
    pub async fn read_from_slots(
        &self,
        pipeline: &Pipeline,
        slots: &[u16],
        harmless: impl Fn(&RedisError) -> bool,
    ) -> std::result::Result<Vec<Value>, FailedCommands> {
        match self.send_each_to_slot(pipeline, slots, &harmless).await {
            Err(failed) if failed.error.is_lost_connection() => {
                self.send_each_to_slot(pipeline, slots, &harmless).await
            }
            replies => replies,
        }
    }

    async fn send_each_to_slot(
        &self,
        pipeline: &Pipeline,
        slots: &[u16],
        harmless: &impl Fn(&RedisError) -> bool,
    ) -> std::result::Result<Vec<Value>, FailedCommands> {
        let Link::Cluster(nodes) = &self.link else {
            let sent = self.send_each(pipeline, harmless).await.map(|reply| reply.replies);
            return sent.map_err(|error| FailedCommands { places: Vec::new(), error });
        };
        let sent = nodes.send(pipeline, Slots::Each(slots), &self.scripts).await;
        let replies =
            sent.map_err(|failed| FailedCommands { places: failed.places, error: self.map_error(failed.error) })?;
        match first_error(&replies, harmless) {
            None => Ok(replies),
            Some((place, error)) => Err(FailedCommands { places: vec![place], error: self.map_error(error) }),
        }
    }
}
