//! The identity of a change log.

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

/// The tag of the cursors of several shards, whose logs have these identities.
pub fn tag_of_shards(identities: &[LogIdentity]) -> Option<LogTag> {
    match identities {
        [only] => Some(only.tag()),
        several => several
            .iter()
            .map(|identity| identity.tag().0)
            .reduce(|all, tag| (all.rotate_left(5) ^ tag).wrapping_mul(0x9e37_79b1))
            .map(LogTag),
    }
}

/// What tells the cursors of two logs apart, as 8 hexadecimal digits in the text of a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogTag(pub(super) u32);
