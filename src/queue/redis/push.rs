//! What other commits need to push jobs as a part of their own script.

/// Lua functions for scripts that push as part of another commit: `clock()`, `permit_writes(key)`,
/// `ours(command, key, ...)`, `later(command, key, option, first, second)`, `push(q, now, job)`, `read(q, id)`, and
/// `make_calls()`, which each script calls at its end.
pub const PUSH: &str = include_str!("push.lua");

/// Returns the prefix of all keys of `queue`, under the sidecar's own prefix.
pub fn keys(prefix: &str, queue: &str) -> String {
    format!("{prefix}queue:{queue}:")
}

/// A stored value of a job, in its parts.
pub(super) struct JobValue<'a> {
    pub(super) pushed_at: i64,
    pub(super) lane: &'a str,
    /// Where the payload begins.
    pub(super) payload: usize,
}

impl<'a> JobValue<'a> {
    /// The parts of a value; `None` if it is none.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|byte| *byte == b'\n')?;
        let mut head = std::str::from_utf8(&value[..end]).ok()?.splitn(3, ' ');
        let (_not_before, pushed_at, lane) = (head.next()?, head.next()?.parse().ok()?, head.next()?);
        Some(Self { pushed_at, lane, payload: end + 1 })
    }
}

/// The lane of a job, by its stored value; `None` if it is none.
pub fn lane_of(value: &[u8]) -> Option<&str> {
    JobValue::parse(value).map(|job| job.lane)
}
