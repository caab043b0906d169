//! Commands that have slots of their own.

use redis::{Cmd, Pipeline, RedisError, Value};

use super::cluster::Slots;
use super::connection::{Link, RedisConnection, first_error};
use crate::storage::{Result, Unavailable};

/// Commands for keys in several slots of a cluster.
#[derive(Debug)]
pub struct SlotPipeline {
    commands: Pipeline,
    slots: Vec<u16>,
}

/// Commands of a pipeline that failed.
#[derive(Debug)]
pub struct FailedCommands {
    /// Their places in the pipeline: those for nodes that did not reply, or the one that was refused.
    pub places: Vec<usize>,
    /// The reason.
    pub error: Unavailable,
}

impl SlotPipeline {
    /// No commands yet.
    pub fn with_capacity(commands: usize) -> Self {
        let mut pipeline = Pipeline::with_capacity(commands);
        pipeline.ignore_errors();
        Self { commands: pipeline, slots: Vec::with_capacity(commands) }
    }

    /// Adds a command whose keys are in `slot`.
    pub fn add(&mut self, slot: u16, command: Cmd) {
        self.commands.add_command(command);
        self.slots.push(slot);
    }

    /// The slot of the first command.
    pub fn first_slot(&self) -> Option<u16> {
        self.slots.first().copied()
    }
}

impl RedisConnection {
    /// Sends commands in a cluster, each to the node of its slot, to all nodes at the same time. Returns the replies in their
    /// order. On one server it is a pipeline like any other.
    ///
    /// # Errors
    /// The first error reply that is not `harmless`, or a node does not reply in time.
    pub async fn send_to_slots(
        &self,
        pipeline: &SlotPipeline,
        harmless: impl Fn(&RedisError) -> bool,
    ) -> Result<Vec<Value>> {
        self.send_each_to_slot(pipeline, &harmless).await.map_err(|failed| failed.error)
    }

    /// Like [`send_to_slots`](Self::send_to_slots), for idempotent commands; retries once when a connection is lost.
    ///
    /// # Errors
    /// The first error reply that is not `harmless`, or a node does not reply in time. It names the commands that failed.
    pub async fn read_from_slots(
        &self,
        pipeline: &SlotPipeline,
        harmless: impl Fn(&RedisError) -> bool,
    ) -> std::result::Result<Vec<Value>, FailedCommands> {
        match self.send_each_to_slot(pipeline, &harmless).await {
            Err(failed) if failed.error.is_lost_connection() => self.send_each_to_slot(pipeline, &harmless).await,
            replies => replies,
        }
    }

    async fn send_each_to_slot(
        &self,
        pipeline: &SlotPipeline,
        harmless: &impl Fn(&RedisError) -> bool,
    ) -> std::result::Result<Vec<Value>, FailedCommands> {
        let SlotPipeline { commands, slots } = pipeline;
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let Link::Cluster(nodes) = self.link.as_ref() else {
            let sent = self.send_each(commands, harmless).await.map(|reply| reply.replies);
            return sent.map_err(|error| FailedCommands { places: Vec::new(), error });
        };
        let sent = nodes.send(commands, Slots::Each(slots), &self.scripts).await;
        let replies =
            sent.map_err(|failed| FailedCommands { places: failed.places, error: self.map_error(failed.error) })?;
        match first_error(&replies, harmless) {
            None => Ok(replies),
            Some((place, error)) => Err(FailedCommands { places: vec![place], error: self.map_error(error) }),
        }
    }
}
