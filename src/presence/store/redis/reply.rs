//! What Redis answers to a commit.

use ::redis::{FromRedisValue, RedisError, Value, from_redis_value_ref};

use super::{Result, known, observed, state};
use crate::presence::domain::Timestamp;
use crate::presence::store::StoredUser;
use crate::storage::Unavailable;
use crate::storage::redis::unavailable;

/// The answers that matter, told apart by what they are: the others say no more than OK, or how many.
#[derive(Default)]
pub(super) struct CommitReply {
    /// Of light commits: the versions on file.
    versions: Vec<Vec<u8>>,
    /// Of all others: the records as they were, and the script's conflicts.
    lists: Vec<Vec<Value>>,
}

impl CommitReply {
    pub(super) fn of(answers: Vec<Value>) -> Self {
        let mut sorted = Self::default();
        for answer in answers {
            match answer {
                Value::BulkString(version) => sorted.versions.push(version),
                Value::Array(list) => sorted.lists.push(list),
                // No state, but something else in its place, which has no version.
                Value::ServerError(_) => sorted.versions.push(Vec::new()),
                _ => {}
            }
        }
        sorted
    }

    /// Which of the light commits, whose `expected` versions these are, met another version.
    pub(super) fn outdated(&self, expected: impl ExactSizeIterator<Item = u64>) -> Result<impl Iterator<Item = usize>> {
        if self.versions.len() != expected.len() {
            return Err(unanswered());
        }
        let pairs = expected.zip(&self.versions).enumerate();
        Ok(pairs.filter(|(_, (expected, found))| state::version(*expected) != **found).map(|(place, _)| place))
    }

    /// What is there instead, for those of `count` other commits that met another version.
    pub(super) fn conflicts(&self, count: usize, now: Timestamp) -> Result<Vec<(usize, StoredUser)>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let [records, conflicts] = self.lists.as_slice() else { return Err(unanswered()) };
        let conflict = |pair: &[Value]| {
            let place: usize = read(&pair[0])?;
            let record = records.get(place).ok_or_else(unanswered)?;
            Ok((place, known(read(&pair[1])?, observed(read(record)?, now))))
        };
        conflicts.chunks_exact(2).map(conflict).collect()
    }
}

/// Whether a light commit met something that is no state.
pub(super) fn is_foreign(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
}

fn read<T: FromRedisValue>(value: &Value) -> Result<T> {
    from_redis_value_ref(value).map_err(|error| unavailable(error.into()))
}

fn unanswered() -> Unavailable {
    Unavailable::new("the commit was not answered")
}
