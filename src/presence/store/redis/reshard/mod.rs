//! Moves the keys of an installation into another number of shards, while no sidecar runs.
//!
//! A [mark](ShardMark) keeps sidecars from serving until the move is complete. First all keys are copied to where they are to
//! be; those of before count until then, and do not change, so that a move which was killed begins the copy again. Then the
//! copies are counted, the number of shards is switched, and the keys of before are removed; a move which was killed now goes
//! on with that. One of the two numbers is one: keys of several shards are moved to one shard first.
//!
//! What is in one shard keeps its entries of the change log with their ids. Of several logs that become one, each id gets the
//! number of its shard, so that no two are the same and their order stays. The log gets another identity: cursors of before
//! are answered with 409.

mod copy;
mod keys;
mod log;
mod moved;
mod options;
mod queues;
mod shards;

pub use self::moved::MovedKeys;
pub use self::options::MoveOptions;
use self::shards::ShardSet;
use super::keys::own_prefixes;
use crate::presence::store::{Result, Unavailable};
use crate::storage::redis::{MoveStep, ShardMark, ShardMove};

/// What is there to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovePlan {
    /// The number of shards that the keys are in.
    pub shards: usize,
    /// A move that was begun, and is not complete.
    pub begun: Option<ShardMove>,
    /// About how many users are remembered.
    pub users: u64,
    /// The number of entries of the change log.
    pub changes: u64,
}

/// Moves keys into another number of shards.
pub struct Resharder {
    options: MoveOptions,
    mark: ShardMark,
}

impl Resharder {
    /// A resharder that connects when it is first used.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(options: MoveOptions) -> Result<Self> {
        let prefix = own_prefixes(&options.prefix, 1).concat();
        let mark = ShardMark::new(options.servers.clone(), options.timeout, prefix)?;
        Ok(Self { options, mark })
    }

    /// What is there to be moved.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn plan(&self) -> Result<MovePlan> {
        let (shards, begun) = self.mark.read().await?;
        let (users, changes) = self.set(shards)?.sizes().await?;
        Ok(MovePlan { shards, begun, users, changes })
    }

    /// Moves all keys into `to` shards, or goes on with a move that was begun; `report` is told of each step.
    ///
    /// # Errors
    /// A sidecar runs, another move was begun, or Redis does not reply. A move can be begun again.
    pub async fn run(&self, to: usize, report: impl Fn(&str)) -> Result<MovedKeys> {
        loop {
            let (shards, begun) = self.mark.read().await?;
            let next = match begun {
                Some(begun) => begun,
                None if shards == to => return self.count(to).await,
                None => ShardMove { from: shards, to: if shards == 1 { to } else { 1 }, step: MoveStep::Copy },
            };
            if begun.is_some_and(|begun| begun.to != to && begun.to != 1) {
                let other = next.to;
                return Err(Unavailable::new(format!("a move to {other} shards was begun: complete it first")));
            }
            report(&format!("moving from {} to {} shards", next.from, next.to));
            self.complete(next, &report).await?;
        }
    }

    async fn complete(&self, ShardMove { from, to, step }: ShardMove, report: &impl Fn(&str)) -> Result<()> {
        let (source, target) = (self.set(from)?, self.set(to)?);
        if step == MoveStep::Copy {
            let running = self.mark.begin(from, to).await?;
            if running > 0 {
                return Err(Unavailable::new(format!(
                    "{running} sidecars run on these keys: stop them; one that was killed counts for half a minute"
                )));
            }
            copy::copy(&source, &target, self.options.include_guard).await?;
            let (before, copied) = (source.count().await?, target.count().await?);
            if before != copied {
                return Err(Unavailable::new(format!(
                    "there are {before}, but the copies are {copied}: stop all sidecars, those of release 0.1.0, too, \
                     and begin again"
                )));
            }
            report(&format!("copied {copied}"));
        }
        // Again if it was killed before: perhaps the number was not written yet.
        self.mark.switch(from, to).await?;
        report(&format!("removing the keys of {from} shards"));
        source.remove_all().await?;
        self.mark.end().await
    }

    /// Gives up a move that was begun: removes the copies. The keys of before count again.
    ///
    /// # Errors
    /// None was begun, all keys are copied already, or Redis does not reply.
    pub async fn abort(&self) -> Result<()> {
        match self.mark.read().await?.1 {
            None => Err(Unavailable::new("no move was begun")),
            Some(ShardMove { to, step: MoveStep::Remove, .. }) => {
                Err(Unavailable::new(format!("all keys are in {to} shards already: complete the move")))
            }
            Some(ShardMove { to, step: MoveStep::Copy, .. }) => {
                self.set(to)?.remove_all().await?;
                self.mark.end().await
            }
        }
    }

    async fn count(&self, shards: usize) -> Result<MovedKeys> {
        self.set(shards)?.count().await
    }

    fn set(&self, shards: usize) -> Result<ShardSet> {
        ShardSet::new(&self.options, shards)
    }
}
