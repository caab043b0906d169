//! The replies of Redis to the pipeline of a commit.

use ::redis::{FromRedisValue, RedisError, Value, from_redis_value_ref};

use super::decode::{decode_record, stored_user};
use super::state;
use crate::presence::domain::{RecordLookup, Timestamp};
use crate::presence::store::{Result, StoredUser};
use crate::storage::Unavailable;
use crate::storage::redis::unavailable;

/// The replies that matter, told apart by their types: the others are OK, or a number.
#[derive(Default)]
pub(super) struct CommitReply {
    /// The stored versions of record-only commits.
    versions: Vec<Vec<u8>>,
    /// Of all other commits: the records before the commits, and the conflicts that each script returns.
    lists: Vec<Vec<Value>>,
}

impl CommitReply {
    pub(super) fn new(replies: Vec<Value>) -> Self {
        let mut sorted = Self::default();
        for reply in replies {
            match reply {
                Value::BulkString(version) => sorted.versions.push(version),
                Value::Array(list) => sorted.lists.push(list),
                // The key has another type than a state, so there is no version.
                Value::ServerError(_) => sorted.versions.push(Vec::new()),
                _ => {}
            }
        }
        sorted
    }

    /// The positions of the record-only commits whose stored version is not the `expected` one.
    pub(super) fn outdated(&self, expected: impl ExactSizeIterator<Item = u64>) -> Result<impl Iterator<Item = usize>> {
        if self.versions.len() != expected.len() {
            return Err(missing_reply());
        }
        let pairs = expected.zip(&self.versions).enumerate();
        Ok(pairs.filter(|(_, (expected, found))| state::version(*expected) != **found).map(|(place, _)| place))
    }

    /// Those of the full commits that were refused: their places, and the current content of the store. There is a script for
    /// each of `sizes`, with as many commits.
    pub(super) fn conflicts(
        &self,
        sizes: impl ExactSizeIterator<Item = usize>,
        now: Timestamp,
    ) -> Result<Vec<(usize, StoredUser)>> {
        if sizes.len() == 0 {
            return Ok(Vec::new());
        }
        let (records, scripts) = self.lists.split_first().ok_or_else(missing_reply)?;
        if scripts.len() != sizes.len() {
            return Err(missing_reply());
        }
        let (mut found, mut first) = (Vec::new(), 0);
        for (conflicts, size) in scripts.iter().zip(sizes) {
            for (place, state) in Self::states_of(conflicts)? {
                let record = records.get(first + place).ok_or_else(missing_reply)?;
                found.push((first + place, StoredUser { record: decode_record(read(record)?, now), ..state }));
            }
            first += size;
        }
        Ok(found)
    }

    /// The positions and the states of the conflicts that the script returns; the records are unknown.
    pub(super) fn states_of(conflicts: &[Value]) -> Result<Vec<(usize, StoredUser)>> {
        let state = |pair: &[Value]| Ok((read(&pair[0])?, stored_user(read(&pair[1])?, RecordLookup::Unknown)));
        conflicts.chunks_exact(2).map(state).collect()
    }
}

/// Whether the key of a state has another type.
pub(super) fn is_foreign_value(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE")
}

fn read<T: FromRedisValue>(value: &Value) -> Result<T> {
    from_redis_value_ref(value).map_err(|error| unavailable(error.into()))
}

fn missing_reply() -> Unavailable {
    Unavailable::new("the commit got no reply")
}
