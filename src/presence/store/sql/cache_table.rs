//! Laravel's `cache` table: the record of a user as its database cache store keeps it.
//!
//! A row is the cache prefix and the logical key, the serialized record, and the second in which it expires. As in
//! Laravel a value with a NUL byte is wrapped in base64 where the engine's texts cannot have one, and unwrapped when it
//! has neither `:` nor `;`, which every serialized value has.
//!
//! The column of the key takes 255 characters. Laravel cannot have stored a longer key; the hash takes its place.

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use crate::laravel::cache_key::Version;
use crate::php::base64;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Record, RecordLookup, Timestamp};
use crate::presence::store::record;
use crate::storage::sql::Engine;

/// Most characters of a key.
const MAX_KEY_CHARS: usize = 255;

/// The form of the records of one application in the table.
pub(super) struct CacheTable {
    prefix: String,
    zone: Tz,
    wraps: bool,
    /// Whether the collation of the column considers some different keys equal.
    pub(super) is_lenient: bool,
}

/// A row without its key.
pub(super) struct Put {
    pub(super) value: Vec<u8>,
    pub(super) expiration: i64,
}

impl CacheTable {
    /// `prefix` is the cache prefix. On SQLite, Laravel wraps since version 12.
    pub(super) fn new(prefix: String, zone: Tz, (engine, version): (Engine, Version)) -> Self {
        let wraps = match engine {
            Engine::Postgres => true,
            Engine::Sqlite => version.major >= 12,
            Engine::MySql => false,
        };
        Self { prefix, zone, wraps, is_lenient: engine == Engine::MySql }
    }

    /// The key of the row of a user.
    pub(super) fn key(&self, key: &UserKey) -> String {
        let whole = format!("{}{}", self.prefix, key.as_str());
        if whole.len() > MAX_KEY_CHARS && whole.chars().count() > MAX_KEY_CHARS { hash(&whole) } else { whole }
    }

    /// The row of a record that lives for `seconds`.
    pub(super) fn put(&self, record: &Record, seconds: u32, now: Timestamp) -> Put {
        let value = record::encode(record, self.zone);
        let value = if self.wraps && value.contains(&0) { base64::encode(&value).into() } else { value };
        Put { value, expiration: now.secs().saturating_add(seconds.into()) }
    }
}

/// The record in a row. Laravel counts in seconds, and ignores a row from the second in which it expires. For the next
/// state of a user (`lenient`) that second still counts, since the rules are finer.
pub(super) fn read(value: &[u8], expiration: i64, (now, lenient): (Timestamp, bool)) -> RecordLookup {
    if expiration < now.secs() + i64::from(!lenient) {
        return RecordLookup::Missing;
    }
    match std::str::from_utf8(value) {
        Ok(text) if !text.contains([':', ';']) => record::decode(&base64::decode_lenient(text), now),
        _ => record::decode(value, now),
    }
}

/// A name of any length in 64 characters: SHA-256 in hexadecimal digits.
pub(super) fn hash(name: &str) -> String {
    hex::encode(Sha256::digest(name))
}
