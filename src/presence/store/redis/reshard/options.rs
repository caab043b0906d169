//! How a resharder reaches Redis.

use std::time::Duration;

use crate::storage::redis::RedisServers;

/// How to reach the keys.
#[derive(Debug, Clone)]
pub struct MoveOptions {
    /// The servers, with the database of the sidecar's own keys.
    pub servers: RedisServers,
    /// Redis prefix and cache prefix, as Laravel puts them before a logical key.
    pub prefix: String,
    /// Whether the guard is a part of the keys of users.
    pub include_guard: bool,
    /// A command without a reply after this time fails.
    pub timeout: Duration,
}
