//! Presence: the rules against a reference model, contract tests of every store, races and crashes.

mod cache_table;
mod causes;
mod committer;
mod crashes;
mod explain;
mod explain_stories;
mod foreign;
pub mod harness;
mod model;
mod outbox;
mod outbox_races;
mod outbox_rule;
mod pace;
mod races;
mod records;
mod recovery;
mod redis_state;
mod reference;
mod refresh;
mod remembered;
mod replicas;
mod stale;
mod stories;

use presence_sidecar::storage::redis::RedisServers;

pub use self::stories::Story;

/// The stories of all contracts, on these servers.
pub fn stories_on(servers: &RedisServers, cache_db: i64, shards: usize) -> Vec<Story<'_>> {
    let contracts = [
        causes::redis_servers::stories,
        explain_stories::redis_servers::stories,
        outbox::redis_servers::stories,
        outbox_races::redis_servers::stories,
        refresh::redis_servers::stories,
        stale::redis_servers::stories,
        stories::redis_servers::stories,
    ];
    contracts.iter().flat_map(|stories| stories(servers, cache_db, shards)).collect()
}
