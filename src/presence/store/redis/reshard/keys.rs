//! The kinds of keys.

/// What a key of a shard has, by its name behind the prefix of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// The state of a user.
    State(&'a str),
    /// Users by due time.
    Due,
    /// The members of a scope that have a status.
    Roster(&'a str),
    /// The change log.
    Changes,
    /// A lane of a queue.
    Lane(&'a str, &'a str),
    /// The dead letters of a queue.
    Dead(&'a str),
    /// What belongs to other keys, and is moved with them.
    Part,
    /// What belongs to the installation, and is not moved.
    Fixed,
}

impl<'a> Kind<'a> {
    /// The kind of a key; `None` if it is no key of this release.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (kind, rest) = name.split_once(':').unwrap_or((name, ""));
        Some(match (kind, rest) {
            ("state", user) => Self::State(user),
            ("roster", roster) => Self::Roster(roster),
            ("due", "") => Self::Due,
            ("changes", "") => Self::Changes,
            ("trimmed" | "log" | "ready", "") => Self::Part,
            ("shards" | "moving" | "running" | "mover", "") => Self::Fixed,
            ("queue", rest) => Self::of_queue(rest)?,
            _ => return None,
        })
    }

    fn of_queue(name: &'a str) -> Option<Self> {
        let (queue, part) = name.split_once(':')?;
        Some(match part.split_once(':').unwrap_or((part, "")) {
            ("lane", lane) => Self::Lane(queue, lane),
            ("dead", "") => Self::Dead(queue),
            ("jobs" | "ready" | "pending" | "tries", "") => Self::Part,
            _ => return None,
        })
    }
}
