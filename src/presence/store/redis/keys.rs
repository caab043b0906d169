//! Where things lie in Redis.
//!
//! Laravel's records lie where Laravel puts them: `<redis prefix><cache prefix><logical key>` in the cache database. The
//! sidecar's own keys carry the same prefixes, so that two applications on one Redis keep apart, and lie in the default
//! database: `php artisan cache:clear` flushes the cache database. One hash tag keeps them in one Cluster slot.

use std::io::Write;

use ::redis::{RedisWrite, ToRedisArgs};

use crate::presence::domain::Status;
use crate::presence::domain::identity::UserKey;

/// The names of all keys of one application.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    pub(super) own: String,
    pub(super) due: String,
    pub(super) changes: String,
    /// The last entry that was removed from it.
    pub(super) trimmed: String,
    /// What is written to see whether anything can be.
    pub(super) ready: String,
}

/// What every key of the sidecar's own begins with.
pub fn own_prefix(prefix: &str) -> String {
    format!("{prefix}{{presence}}:")
}

impl Keys {
    pub(super) fn new(prefix: String) -> Self {
        let own = own_prefix(&prefix);
        let [due, changes, trimmed, ready] = ["due", "changes", "trimmed", "ready"].map(|name| format!("{own}{name}"));
        Self { due, changes, trimmed, ready, prefix, own }
    }

    /// The Laravel record of a user: the physical key of PHP's cache entry.
    pub(super) fn record<'a>(&'a self, key: &'a UserKey) -> Name<'a, 2> {
        Name([&self.prefix, key.as_str()])
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

/// A name in parts, put together only in the command that it becomes a part of.
pub(super) struct Name<'a, const N: usize>([&'a str; N]);

impl<const N: usize> ToRedisArgs for Name<'_, N> {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let mut name = out.writer_for_next_arg();
        for part in self.0 {
            if let Err(error) = name.write_all(part.as_bytes()) {
                unreachable!("a command is made in memory: {error}");
            }
        }
    }
}
