//! Positions in the change log, and the identity of the log that they belong to.
//!
//! A store may lose its log while callers keep their cursors: it is emptied, restored from a backup, or replaced by a
//! replica that lacks the last entries. So each log has an identity, made with it, and each cursor carries a tag, which the
//! store compares when the cursor comes back. A cursor of release 0.1.0 has no tag; it is compared by its position alone.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::presence::domain::Timestamp;

/// The bits of an identity that are random; the others are the milliseconds of its beginning.
const RANDOM_BITS: u32 = 20;

/// The identity of a change log: when it began, and a random part. A log that is made anew has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogIdentity(u64);

impl LogIdentity {
    /// A new identity of a log that begins at `began`.
    pub fn new(began: Timestamp) -> Self {
        let millis = u64::try_from(began.millis()).unwrap_or(0).max(1);
        let random = rand::random::<u64>() & ((1 << RANDOM_BITS) - 1);
        Self(((millis << RANDOM_BITS) | random) & i64::MAX.cast_unsigned())
    }

    /// The identity that a store keeps as `number`; `None` for 0.
    pub fn from_number(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// The number that a store keeps; it fits into 63 bits.
    pub fn number(self) -> u64 {
        self.0
    }

    /// When the log began, to the millisecond.
    pub fn began(self) -> Timestamp {
        let millis = i64::try_from(self.0 >> RANDOM_BITS).unwrap_or(i64::MAX);
        Timestamp::from_micros(millis.saturating_mul(1_000))
    }

    /// The tag of cursors whose positions are never used twice by one log.
    pub fn tag(self) -> LogTag {
        self.tag_at(0)
    }

    /// The tag of the cursor of an entry that was appended at `at`, for logs that may use a position twice: a log that is
    /// restored from a backup numbers the entries behind the backup again.
    pub fn tag_at(self, at: i64) -> LogTag {
        // The finalizer of SplitMix64.
        let mut bits = self.0 ^ at.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        LogTag(u32::try_from(bits >> 32).unwrap_or(0))
    }
}

/// What tells the cursors of two logs apart, as 8 hexadecimal digits in the text of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTag(u32);

/// A position in the change log. Its text is opaque to callers.
///
/// Cursors of one log are ordered as its entries. They are compared by their positions; the store compares the tags.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeCursor {
    /// The store's milliseconds, or 0 where the store numbers entries alone.
    pub millis: u64,
    /// The number of the entry within them.
    pub number: u64,
    /// The tag of the log; `None` in cursors of release 0.1.0.
    pub tag: Option<LogTag>,
}

impl ChangeCursor {
    /// The position before the first entry.
    pub const START: Self = Self { millis: 0, number: 0, tag: None };

    /// The same position, with the tag of a log.
    #[must_use]
    pub fn with_tag(self, tag: Option<LogTag>) -> Self {
        Self { tag, ..self }
    }

    /// Whether this cursor, which a caller sent, names the same entry of the same log as `stored`.
    pub fn names(&self, stored: &Self) -> bool {
        self == stored && (self.tag.is_none() || stored.tag.is_none() || self.tag == stored.tag)
    }

    fn position(&self) -> (u64, u64) {
        (self.millis, self.number)
    }

    fn parse_position(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-')?;
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?;
        let cursor = Self { millis: digits(millis)?, number: digits(number)?, tag: None };
        // Nothing can be behind the last possible position; Redis rejects it.
        (cursor.position() != (u64::MAX, u64::MAX)).then_some(cursor)
    }
}

impl PartialEq for ChangeCursor {
    fn eq(&self, other: &Self) -> bool {
        self.position() == other.position()
    }
}

impl Eq for ChangeCursor {}

impl PartialOrd for ChangeCursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ChangeCursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position().cmp(&other.position())
    }
}

impl Serialize for ChangeCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChangeCursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for ChangeCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.number)?;
        match self.tag {
            Some(LogTag(tag)) => write!(formatter, ".{tag:08x}"),
            None => Ok(()),
        }
    }
}

/// The error of a text that is not a cursor of a change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor that the change log gave out.")]
pub struct InvalidCursor;

impl FromStr for ChangeCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let Some((position, tag)) = text.split_once('.') else {
            return Self::parse_position(text).ok_or(InvalidCursor);
        };
        let is_tag = tag.len() == 8 && tag.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let tag = u32::from_str_radix(tag, 16).ok().filter(|_| is_tag).ok_or(InvalidCursor)?;
        let cursor = Self::parse_position(position).ok_or(InvalidCursor)?;
        Ok(cursor.with_tag(Some(LogTag(tag))))
    }
}
