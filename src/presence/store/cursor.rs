//! Positions in the change log, and the identity of the log that they belong to.
//!
//! A store may lose its log while callers keep their cursors: it is emptied, restored from a backup, or replaced by a
//! replica that lacks the last entries. So each log has an identity, made with it, and each cursor carries a tag, which the
//! store compares when the cursor comes back. A cursor of release 0.1.0 has no tag; it is compared by its position alone.
//!
//! The log of a store with several shards is one log for each of them, and a cursor has a position in each. Two such cursors
//! may be in no order: each is ahead of the other in some shard.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::identity::LogTag;

/// A position in the log of one shard: that of an entry, or the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogPosition {
    /// The store's milliseconds, or 0 where the store numbers entries alone.
    pub millis: u64,
    /// The number of the entry within them.
    pub number: u64,
}

/// A position in the change log. Its text is opaque to callers.
///
/// Cursors of one log are ordered as its entries, if it has one shard. They are compared by their positions; the store
/// compares the tags.
#[derive(Clone, Debug, Default)]
pub struct ChangeCursor {
    positions: Positions,
    /// The tag of the log; `None` in cursors of release 0.1.0.
    pub tag: Option<LogTag>,
}

#[derive(Clone, Debug)]
enum Positions {
    One(LogPosition),
    Shards(Arc<[LogPosition]>),
}

impl Default for Positions {
    fn default() -> Self {
        Self::One(LogPosition::START)
    }
}

impl LogPosition {
    /// The position before the first entry.
    pub const START: Self = Self { millis: 0, number: 0 };
}

impl ChangeCursor {
    /// The position before the first entry.
    pub const START: Self = Self { positions: Positions::One(LogPosition::START), tag: None };

    /// A position in a log of one shard.
    pub fn new(position: LogPosition, tag: Option<LogTag>) -> Self {
        Self { positions: Positions::One(position), tag }
    }

    /// A position in a log of several shards; at least one.
    pub fn of_shards(positions: &[LogPosition], tag: Option<LogTag>) -> Self {
        match positions {
            [only] => Self::new(*only, tag),
            several => Self { positions: Positions::Shards(several.into()), tag },
        }
    }

    /// The positions in the shards.
    pub fn positions(&self) -> &[LogPosition] {
        match &self.positions {
            Positions::One(position) => std::slice::from_ref(position),
            Positions::Shards(positions) => positions,
        }
    }

    /// The position in the first shard, which is the only one of most stores.
    pub fn first(&self) -> LogPosition {
        self.positions().first().copied().unwrap_or_default()
    }

    /// The same position, with the tag of a log.
    #[must_use]
    pub fn with_tag(self, tag: Option<LogTag>) -> Self {
        Self { tag, ..self }
    }

    /// The position that is in each shard that of the cursor which is ahead there.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        if self.positions().len() != other.positions().len() || self <= other {
            return other.clone();
        }
        let pairs = self.positions().iter().zip(other.positions());
        let positions: Vec<LogPosition> = pairs.map(|(left, right)| *left.max(right)).collect();
        Self::of_shards(&positions, other.tag)
    }

    /// Whether this cursor, which a caller sent, names the same entry of the same log as `stored`.
    pub fn names(&self, stored: &Self) -> bool {
        self == stored && self.has_tag_of(stored.tag)
    }

    /// Whether this cursor, which a caller sent, may be one of the log with this tag.
    pub fn has_tag_of(&self, tag: Option<LogTag>) -> bool {
        self.tag.is_none() || tag.is_none() || self.tag == tag
    }
}

impl PartialEq for ChangeCursor {
    fn eq(&self, other: &Self) -> bool {
        self.positions() == other.positions()
    }
}

impl Eq for ChangeCursor {}

impl PartialOrd for ChangeCursor {
    /// `None` if each cursor is ahead of the other in some shard, or they are of different numbers of shards.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let (left, right) = (self.positions(), other.positions());
        if left.len() != right.len() {
            return None;
        }
        left.iter().zip(right).map(|(left, right)| left.cmp(right)).try_fold(
            Ordering::Equal,
            |all, shard| match shard {
                Ordering::Equal => Some(all),
                _ if all == Ordering::Equal || all == shard => Some(shard),
                _ => None,
            },
        )
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

impl fmt::Display for LogPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.millis, self.number)
    }
}

/// The first letter of a cursor with several positions.
const SHARDS: char = 's';
/// The largest number of shards.
const MAX_SHARDS: usize = 64;

impl fmt::Display for ChangeCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.positions {
            Positions::One(position) => write!(formatter, "{position}")?,
            Positions::Shards(positions) => write!(formatter, "{SHARDS}{}", encode_positions(positions))?,
        }
        match self.tag {
            Some(LogTag(tag)) => write!(formatter, ".{tag:08x}"),
            None => Ok(()),
        }
    }
}

/// Milliseconds and number of each position, in hexadecimal. A page has one such text for each of its entries.
fn encode_positions(positions: &[LogPosition]) -> String {
    let mut text = String::with_capacity(16 * positions.len());
    for (shard, LogPosition { millis, number }) in positions.iter().enumerate() {
        if shard > 0 {
            text.push('_');
        }
        push_hex(&mut text, *millis);
        text.push('-');
        push_hex(&mut text, *number);
    }
    text
}

/// Appends what `{:x}` writes, several times faster.
fn push_hex(text: &mut String, number: u64) {
    let mut digits = [b'0'; 16];
    // It has room for the digits of 8 bytes.
    let _ = hex::encode_to_slice(number.to_be_bytes(), &mut digits);
    let zeros = (number.leading_zeros() as usize / 4).min(15);
    text.push_str(str::from_utf8(&digits[zeros..]).unwrap_or_default());
}

fn decode_positions(text: &str) -> Option<Vec<LogPosition>> {
    let number = |digits: &str| {
        let are_lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        u64::from_str_radix(digits, 16).ok().filter(|_| are_lower)
    };
    let decode = |position: &str| {
        let (millis, last) = position.split_once('-')?;
        Some(LogPosition { millis: number(millis)?, number: number(last)? })
    };
    let positions: Vec<LogPosition> = text.split('_').map(decode).collect::<Option<_>>()?;
    (2..=MAX_SHARDS).contains(&positions.len()).then_some(positions)
}

/// The error of a text that is not a cursor of a change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a cursor that the change log gave out.")]
pub struct InvalidCursor;

impl FromStr for LogPosition {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (millis, number) = text.split_once('-').ok_or(InvalidCursor)?;
        let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok())?;
        let (millis, number) = digits(millis).zip(digits(number)).ok_or(InvalidCursor)?;
        // Nothing can be behind the last possible position; Redis rejects it.
        let is_last = (millis, number) == (u64::MAX, u64::MAX);
        if is_last { Err(InvalidCursor) } else { Ok(Self { millis, number }) }
    }
}

impl FromStr for ChangeCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (positions, tag) = match text.split_once('.') {
            Some((positions, tag)) => (positions, Some(parse_tag(tag)?)),
            None => (text, None),
        };
        match positions.strip_prefix(SHARDS) {
            Some(positions) => Ok(Self::of_shards(&decode_positions(positions).ok_or(InvalidCursor)?, tag)),
            None => Ok(Self::new(positions.parse()?, tag)),
        }
    }
}

fn parse_tag(text: &str) -> Result<LogTag, InvalidCursor> {
    let is_tag = text.len() == 8 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u32::from_str_radix(text, 16).ok().filter(|_| is_tag).map(LogTag).ok_or(InvalidCursor)
}
