//! Moves the keys of an installation into another number of shards, while no sidecar runs.
//!
//! A [mark](ShardMark) keeps sidecars from serving until the move is complete, and its lease keeps a second command from
//! moving the same keys. First all keys are copied to where they are to be; those of before count until then, and do not
//! change, so that a move which was killed begins the copy again. Then both are read and compared, the number of shards is
//! switched, and the keys of before are removed; a move which was killed now goes on with that. One of the two numbers is
//! one: keys of several shards are moved to one shard first.
//!
//! With `redis.wait_replicas` replicas have each copy before the next is made, and know the switch before anything is
//! removed.
//!
//! What is in one shard keeps its entries of the change log with their ids. Of several logs that become one, each id gets the
//! number of its shard, so that no two are the same and their order stays. The log gets another identity: cursors of before
//! are answered with 409.

mod contents;
mod copy;
mod keys;
mod log;
mod moved;
mod options;
mod queues;
mod shards;

use std::sync::Arc;

pub use self::moved::{MovedKeys, UnknownKeys};
pub use self::options::MoveOptions;
use self::shards::ShardSet;
use super::keys::own_prefixes;
use crate::presence::store::{Result, Unavailable};
use crate::storage::redis::{MoveStep, ShardMark, ShardMove};

/// What is there to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovePlan {
    /// The number of shards that the keys are in.
    pub shards: usize,
    /// A move that was begun, and is not complete.
    pub begun: Option<ShardMove>,
    /// About how many users are remembered.
    pub users: u64,
    /// The number of entries of the change log.
    pub changes: u64,
    /// What is not moved.
    pub unknown: UnknownKeys,
}

/// What was moved, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoveOutcome {
    /// What was moved.
    pub moved: MovedKeys,
    /// What was not.
    pub unknown: UnknownKeys,
}

/// A move that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedMove {
    /// The number of shards that the keys are in.
    pub from: usize,
    /// The number of shards that they were being copied to.
    pub to: usize,
    /// How many keys of copies were removed.
    pub removed: u64,
}

/// Moves keys into another number of shards.
pub struct Resharder {
    options: MoveOptions,
    mark: Arc<ShardMark>,
}

impl Resharder {
    /// A resharder that connects when it is first used.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(options: MoveOptions) -> Result<Self> {
        let prefix = own_prefixes(&options.prefix, 1).concat();
        let mark = Arc::new(ShardMark::new(options.servers.clone(), options.timeout, prefix)?);
        Ok(Self { options, mark })
    }

    /// What is there to be moved.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn plan(&self) -> Result<MovePlan> {
        let (shards, begun) = self.mark.read().await?;
        let set = self.set(shards)?;
        let (users, changes) = set.sizes().await?;
        let other = begun.map(|begun| if begun.to == shards { begun.from } else { begun.to });
        let other = other.map(|shards| self.set(shards)).transpose()?;
        let unknown = set.unknown_keys(other.as_ref()).await?;
        Ok(MovePlan { shards, begun, users, changes, unknown })
    }

    /// The move that was begun and is not complete.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn begun(&self) -> Result<Option<ShardMove>> {
        Ok(self.mark.read().await?.1)
    }

    /// Moves all keys into `to` shards, or goes on with a move that was begun; `report` is told of each step.
    ///
    /// # Errors
    /// A sidecar runs, another command moves these keys, another move was begun, or Redis does not reply. A move can be
    /// begun again.
    pub async fn run(&self, to: usize, report: impl Fn(&str)) -> Result<MoveOutcome> {
        self.with_lease(self.move_all(to, report)).await
    }

    /// Gives up a move that was begun: removes the copies. The keys of before count again.
    ///
    /// # Errors
    /// None was begun, all keys are copied already, another command moves these keys, or Redis does not reply.
    pub async fn abort(&self) -> Result<AbortedMove> {
        self.with_lease(self.remove_copies()).await
    }

    /// Does `work` while this command has the lease.
    async fn with_lease<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.mark.take().await?;
        let done = tokio::select! {
            biased;
            lost = self.mark.keep() => Err(lost),
            done = work => done,
        };
        // Without it the lease ends by itself.
        _ = self.mark.release().await;
        done
    }

    async fn move_all(&self, to: usize, report: impl Fn(&str)) -> Result<MoveOutcome> {
        let mut moved = None;
        loop {
            let (shards, begun) = self.mark.read().await?;
            let next = match begun {
                Some(begun) => begun,
                None if shards == to => break,
                None => ShardMove { from: shards, to: if shards == 1 { to } else { 1 }, step: MoveStep::Copy },
            };
            if begun.is_some_and(|begun| begun.to != to && begun.to != 1) {
                let other = next.to;
                return Err(Unavailable::new(format!("a move to {other} shards was begun: complete it first")));
            }
            report(&format!("moving from {} to {} shards", next.from, next.to));
            moved = self.complete(next, &report).await?.or(moved);
        }
        let set = self.set(to)?;
        let moved = match moved {
            Some(moved) => moved,
            None => contents::count(&set).await?,
        };
        Ok(MoveOutcome { moved, unknown: set.unknown_keys(None).await? })
    }

    /// Completes a move; returns what it has copied.
    async fn complete(
        &self,
        ShardMove { from, to, step }: ShardMove,
        report: &impl Fn(&str),
    ) -> Result<Option<MovedKeys>> {
        let (source, target) = (self.set(from)?, self.set(to)?);
        let mut copied = None;
        if step == MoveStep::Copy {
            self.mark.begin(from, to).await?;
            copy::copy(&source, &target, self.options.include_guard).await?;
            report("comparing the copies");
            let moved = contents::compare(&source, &target).await?;
            report(&format!("copied {moved}"));
            copied = Some(moved);
        }
        // Again if it was killed before: perhaps the number was not written yet, or no replica has it.
        self.mark.switch(from, to).await?;
        report(&format!("removing the keys of {from} shards"));
        source.remove_all().await?;
        self.mark.end().await?;
        Ok(copied)
    }

    async fn remove_copies(&self) -> Result<AbortedMove> {
        match self.begun().await? {
            None => Err(Unavailable::new("no move was begun")),
            Some(ShardMove { to, step: MoveStep::Remove, .. }) => {
                Err(Unavailable::new(format!("all keys are in {to} shards already: complete the move")))
            }
            Some(ShardMove { from, to, step: MoveStep::Copy }) => {
                let removed = self.set(to)?.remove_all().await?;
                self.mark.end().await?;
                Ok(AbortedMove { from, to, removed })
            }
        }
    }

    fn set(&self, shards: usize) -> Result<ShardSet> {
        ShardSet::new(&self.options, shards, self.mark.clone())
    }
}
