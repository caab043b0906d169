//! How a store reaches Redis.

use std::time::Duration;

use chrono_tz::Tz;

use crate::presence::domain::Outbox;
use crate::storage::redis::RedisServers;

/// How to reach Redis, and how Laravel uses it.
#[derive(Debug)]
pub struct Options {
    /// The servers, with the database of the sidecar's own keys.
    pub servers: RedisServers,
    /// The database of Laravel's cache records.
    pub cache_db: i64,
    /// Redis prefix and cache prefix, as Laravel puts them before a logical key.
    pub prefix: String,
    /// The number of shards, at least one.
    pub shards: usize,
    /// The application's time zone.
    pub zone: Tz,
    /// A command without a reply after this time fails.
    pub timeout: Duration,
    /// The queues that changes are pushed into.
    pub outbox: Outbox,
}
