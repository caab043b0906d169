//! `presence-sidecar reshard`: moves the keys in Redis into another number of shards.

use clap::Args;

use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::config::{CacheStore, Config, Flags, load};
use crate::presence::store::redis::{AbortedMove, MovePlan, Resharder, UnknownKeys};
use crate::storage::Unavailable;
use crate::storage::redis::{MoveStep, ShardMove};

/// What must be done before.
const STOP_ALL: &str = "Stop all sidecars, those of other hosts, too. Those of release 0.1.0 are not noticed while they \
                        run: make sure that none does. Then repeat the command with --yes.";

#[derive(Debug, Args)]
pub(super) struct Reshard {
    /// The number of shards to move the keys into, 1 to 64; by default redis.shards
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=64))]
    shards: Option<u8>,
    /// Move them; without it the command only says what it would do
    #[arg(long)]
    yes: bool,
    /// Give up a move that was begun, and remove its copies
    #[arg(long, conflicts_with = "shards")]
    abort: bool,
}

impl Reshard {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        if config.cache.store != CacheStore::Redis {
            return Err("presence is not in Redis: set PRESENCE_CACHE_STORE to redis".to_owned());
        }
        let shards = self.shards.map_or(config.redis.shards, usize::from);
        run_async(async {
            let resharder = crate::app::resharder(&config).map_err(|error| error.to_string())?;
            match self.abort {
                true => self.abort(&resharder).await,
                false => self.move_keys(&resharder, &config, shards).await,
            }
        })
    }

    async fn move_keys(&self, resharder: &Resharder, config: &Config, shards: usize) -> CommandResult {
        let plan = resharder.plan().await.map_err(reason)?;
        print_line(&describe(&plan, shards));
        if plan.begun.is_none() && plan.shards == shards {
            print_unknown(&plan.unknown);
            return Ok(());
        }
        if !self.yes {
            print_unknown(&plan.unknown);
            print_line(STOP_ALL);
            return Ok(());
        }
        let done = resharder.run(shards, print_error).await.map_err(reason)?;
        print_line(&format!("{}: in {shards} shards", done.moved));
        print_unknown(&done.unknown);
        print_line(&next_step(config, shards));
        Ok(())
    }

    async fn abort(&self, resharder: &Resharder) -> CommandResult {
        if self.yes {
            let AbortedMove { from, to, removed } = resharder.abort().await.map_err(reason)?;
            print_line(&format!(
                "The move from {from} to {to} shards is given up: {removed} keys of copies were removed, and all keys are in \
                 {from} shards as before."
            ));
            return Ok(());
        }
        print_line(&match resharder.begun().await.map_err(reason)? {
            Some(ShardMove { from, to, step: MoveStep::Copy }) => format!(
                "The copies that the move from {from} to {to} shards has made would be removed. Repeat the command with --yes."
            ),
            Some(ShardMove { to, step: MoveStep::Remove, .. }) => {
                format!("All keys are in {to} shards already: complete the move.")
            }
            None => "No move was begun: there is nothing to give up.".to_owned(),
        });
        Ok(())
    }
}

fn print_unknown(unknown: &UnknownKeys) {
    if unknown.count > 0 {
        print_line(&unknown.to_string());
    }
}

fn describe(MovePlan { shards, begun, users, changes, .. }: &MovePlan, to: usize) -> String {
    let there = format!("{users} users and {changes} changes are in {shards} shards");
    match begun {
        Some(begun) => format!("{there}; a move from {} to {} was begun", begun.from, begun.to),
        None if *shards == to => format!("{there}: there is nothing to do"),
        None => format!(
            "{there}, and would be in {to}. Cursors of the change log are answered with 409 then; nothing else is lost."
        ),
    }
}

fn next_step(config: &Config, shards: usize) -> String {
    match config.redis.shards == shards {
        true => "start the sidecars".to_owned(),
        false => format!("set redis.shards = {shards}, then start the sidecars"),
    }
}

fn reason(error: Unavailable) -> String {
    error.reason()
}
