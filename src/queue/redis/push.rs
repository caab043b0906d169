//! What other commits need to push jobs as a part of their own script.

/// Lua functions for scripts that push as part of another commit: `clock()`, `permit_writes(key)`,
/// `ours(command, key, ...)`, `push(q, now, job)`, `read(q, id)` and `advance(q, lane, now, from)`.
pub const PUSH: &str = include_str!("push.lua");

/// Returns the prefix of all keys of `queue`, under the sidecar's own prefix.
pub fn keys(prefix: &str, queue: &str) -> String {
    format!("{prefix}queue:{queue}:")
}
