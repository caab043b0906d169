//! `presence-sidecar reshard`: moves the keys in Redis into another number of shards.

use clap::Args;

use super::output::{print_error, print_line};
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::config::{CacheStore, Config, Flags, load};
use crate::presence::store::redis::{MovePlan, Resharder};
use crate::storage::Unavailable;

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
            let plan = resharder.plan().await.map_err(reason)?;
            if self.abort {
                return self.abort(&resharder).await;
            }
            print_line(&describe(&plan, shards));
            if plan.begun.is_none() && plan.shards == shards {
                return Ok(());
            }
            if !self.yes {
                print_line("Stop all sidecars, those of other hosts, too. Then repeat the command with --yes.");
                return Ok(());
            }
            let moved = resharder.run(shards, print_error).await.map_err(reason)?;
            print_line(&format!("{moved}: in {shards} shards"));
            print_line(&next_step(&config, shards));
            Ok(())
        })
    }

    async fn abort(&self, resharder: &Resharder) -> CommandResult {
        if !self.yes {
            print_line("The copies that the move has made would be removed. Repeat the command with --yes.");
            return Ok(());
        }
        resharder.abort().await.map_err(reason)
    }
}

fn describe(MovePlan { shards, begun, users, changes }: &MovePlan, to: usize) -> String {
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
