//! The Laravel record as an argument and a result of the rules: the value under the cache key of the user.

use super::Timestamp;
use super::identity::Meta;

/// A presence record, as written by PHP or by a sidecar.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The newest heartbeat.
    pub last_seen: Timestamp,
    /// Whether the user is present, but inactive in every session.
    pub idle: bool,
    /// The meta of that heartbeat.
    pub meta: Meta,
}

/// The result of looking up the Laravel record of a user.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordLookup {
    /// It was not read.
    Unknown,
    /// There is none.
    Missing,
    /// There is a value that is not a presence record, or that cannot be read.
    Unreadable(ValueForm),
    /// A presence record, written by PHP or by a sidecar.
    Found(Record),
}

/// The form of a value that is not read, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    /// Packed by PHP's igbinary.
    Igbinary,
    /// Packed by PHP's msgpack.
    Msgpack,
    /// JSON.
    Json,
    /// Compressed with LZF.
    Lzf,
    /// Compressed with Zstandard.
    Zstd,
    /// Compressed with LZ4.
    Lz4,
    /// Any other form, or a PHP value that is not a presence record.
    Other,
}

impl ValueForm {
    /// Every form.
    pub const ALL: [Self; 7] =
        [Self::Igbinary, Self::Msgpack, Self::Json, Self::Lzf, Self::Zstd, Self::Lz4, Self::Other];

    /// The name in phpredis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Igbinary => "igbinary",
            Self::Msgpack => "msgpack",
            Self::Json => "json",
            Self::Lzf => "LZF",
            Self::Zstd => "ZSTD",
            Self::Lz4 => "LZ4",
            Self::Other => "other",
        }
    }
}

/// The effect on the Laravel record.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordWrite {
    /// It stays as it is.
    Keep,
    /// It is replaced; the new one lives for this number of seconds, at least 1.
    Put(Record, u32),
    /// It is removed.
    Forget,
}
