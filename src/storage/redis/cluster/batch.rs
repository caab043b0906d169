//! The commands for each node, and the slots that they go by.

use std::borrow::Cow;

use redis::{Cmd, Pipeline, RedisResult, cmd};

use super::map::NodeAddress;

/// The slots of the commands of a pipeline.
#[derive(Clone, Copy)]
pub(in crate::storage::redis) enum Slots<'a> {
    /// All have the same one.
    All(u16),
    /// Each has its own.
    Each(&'a [u16]),
}

impl Slots<'_> {
    pub(super) fn of(self, place: usize) -> u16 {
        match self {
            Self::All(slot) => slot,
            Self::Each(slots) => slots.get(place).copied().unwrap_or_default(),
        }
    }

    /// The owner of all of them, if there is only one.
    pub(super) fn only_owner<'a>(
        self,
        owner: impl Fn(u16) -> RedisResult<&'a NodeAddress>,
    ) -> RedisResult<Option<&'a NodeAddress>> {
        let slots = match &self {
            Self::All(slot) => std::slice::from_ref(slot),
            Self::Each(slots) => slots,
        };
        let Some((first, others)) = slots.split_first() else { return Ok(None) };
        let only = owner(*first)?;
        for slot in others {
            if !std::ptr::eq(owner(*slot)?, only) {
                return Ok(None);
            }
        }
        Ok(Some(only))
    }
}

/// Commands for one node.
pub(super) struct NodeBatch<'a> {
    pub(super) node: NodeAddress,
    /// The commands; each behind an `ASKING` if `is_asking`.
    pub(super) pipeline: Cow<'a, Pipeline>,
    /// Their places among all commands.
    pub(super) places: Vec<usize>,
    pub(super) is_asking: bool,
}

impl NodeBatch<'_> {
    /// The commands, without `ASKING`.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Cmd> {
        let (skip, step) = if self.is_asking { (1, 2) } else { (0, 1) };
        self.pipeline.cmd_iter().skip(skip).step_by(step)
    }
}

/// Adds a command to the batch of a node.
pub(super) fn add(
    batches: &mut Vec<NodeBatch<'_>>,
    node: &NodeAddress,
    (place, command): (usize, Cmd),
    is_asking: bool,
) {
    let known = batches.iter().position(|batch| batch.node == *node && batch.is_asking == is_asking);
    let number = known.unwrap_or_else(|| {
        let pipeline = Cow::Owned(Pipeline::new());
        batches.push(NodeBatch { node: node.clone(), pipeline, places: Vec::new(), is_asking });
        batches.len() - 1
    });
    let batch = &mut batches[number];
    let pipeline = batch.pipeline.to_mut();
    if is_asking {
        pipeline.add_command(cmd("ASKING"));
    }
    pipeline.add_command(command);
    batch.places.push(place);
}
