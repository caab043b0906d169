//! The codec of values that several commands read.

use super::state;
use crate::presence::domain::{RecordLookup, Timestamp};
use crate::presence::store::{StoredUser, record};

/// The record under the cache key of a user.
pub(super) fn decode_record(value: Option<Vec<u8>>, now: Timestamp) -> RecordLookup {
    value.map_or(RecordLookup::Missing, |bytes| record::decode(&bytes, now))
}

/// A user, by the bytes of the state.
pub(super) fn stored_user(state: Option<Vec<u8>>, record: RecordLookup) -> StoredUser {
    let (version, state) = state::decode(&state.unwrap_or_default());
    StoredUser { version, state, record }
}
