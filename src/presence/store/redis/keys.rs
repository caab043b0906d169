//! The names of keys in Redis.
//!
//! Laravel's records have the keys that Laravel gives them: `<redis prefix><cache prefix><logical key>` in the cache
//! database. The sidecar's own keys have the same prefixes, so that two applications can share one Redis, and are in the
//! default database: `php artisan cache:clear` flushes the cache database. One hash tag puts those of a shard into one slot of
//! a cluster: `{presence}` if there is one shard, else `{presence:07}`.

use std::io::Write;

use ::redis::{RedisWrite, ToRedisArgs};

use crate::presence::domain::Status;
use crate::presence::domain::identity::UserKey;
use crate::storage::redis::slot_of;

/// The names of all keys of one application.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    pub(super) own: String,
    pub(super) due: String,
    pub(super) changes: String,
    /// The last entry that was removed from the change log.
    pub(super) trimmed: String,
    /// The identity of the change log.
    pub(super) identity: String,
    /// The key of the readiness check, in the sidecar's own database.
    pub(super) ready: String,
    /// A key that never exists.
    pub(super) guard: String,
}

/// The prefixes of the sidecar's own keys, one for each shard.
pub fn own_prefixes(prefix: &str, shards: usize) -> Vec<String> {
    match shards {
        0 | 1 => vec![format!("{prefix}{{presence}}:")],
        _ => (0..shards).map(|shard| format!("{prefix}{{presence:{shard:02}}}:")).collect(),
    }
}

impl Keys {
    /// The names under `own`, one of the prefixes of the sidecar's own keys.
    pub(super) fn new(prefix: String, own: String) -> Self {
        let [due, changes, trimmed, identity, ready, guard] =
            ["due", "changes", "trimmed", "log", "ready", "none"].map(|name| format!("{own}{name}"));
        Self { due, changes, trimmed, identity, ready, guard, prefix, own }
    }

    /// What all keys begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of the readiness check in the cache database.
    pub(super) fn ready_record(&self) -> String {
        format!("{}presence|ready", self.prefix)
    }

    /// The Laravel record of a user: the physical key of PHP's cache entry.
    pub(super) fn record<'a>(&'a self, key: &'a UserKey) -> Name<'a, 2> {
        Name([&self.prefix, key.as_str()])
    }

    /// The slot of a user's record in a cluster.
    pub(super) fn record_slot(&self, key: &UserKey) -> u16 {
        slot_of([&self.prefix, key.as_str()].concat().as_bytes())
    }

    /// The sidecar's own state of a user.
    pub(super) fn state<'a>(&'a self, key: &'a UserKey) -> Name<'a, 3> {
        Name([&self.own, "state:", key.as_str()])
    }

    /// The members of a scope that have a status, ordered by name.
    pub(super) fn roster<'a>(&'a self, scope: &'a str, status: Status) -> Name<'a, 5> {
        Name([&self.own, "roster:", status.as_str(), ":", scope])
    }
}

/// A name in parts, joined in the command that it becomes a part of.
pub(super) struct Name<'a, const N: usize>([&'a str; N]);

impl<const N: usize> ToRedisArgs for Name<'_, N> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut name = out.writer_for_next_arg();
        for part in self.0 {
            if let Err(error) = name.write_all(part.as_bytes()) {
                unreachable!("a command is built in memory: {error}");
            }
        }
    }
}
