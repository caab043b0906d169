//! The values of messaging: ids, cursors, fingerprints, times. Each type has one fallible constructor and is not checked
//! again.

mod cursor;
mod integer;
mod time;

use uuid::Uuid;

pub use self::cursor::PollCursor;
pub use self::integer::parse_integer;
pub use self::time::MessageTime;
use crate::laravel::trim::trim;

/// How long a client counts as online after its last request, in microseconds.
const ONLINE_MICROS: i64 = 120 * 1_000_000;

/// A client's id: a UUID as text, in its original case. The database decides whether `A` and `a` are the same client, as
/// with Laravel: on SQLite they are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

impl ClientId {
    /// Generates a random id.
    pub fn generate() -> Self {
        Self(Uuid::new_v4().hyphenated().to_string())
    }

    /// Parses an id by the rule of Laravel's `Str::isUuid`: hexadecimal digits in groups of 8, 4, 4, 4 and 12, any UUID
    /// version.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hyphen = |index: usize| matches!(index, 8 | 13 | 18 | 23);
        let is_valid =
            |(index, byte): (usize, u8)| if is_hyphen(index) { byte == b'-' } else { byte.is_ascii_hexdigit() };
        (text.len() == 36 && text.bytes().enumerate().all(is_valid)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// The name under which a client registers, and finds its credentials again: not empty, trimmed as Laravel trims.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Trims a text; `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let trimmed = trim(text);
        (!trimmed.is_empty()).then(|| Self(trimmed.to_owned()))
    }

    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `stored` is this fingerprint, byte for byte. A collation under which `é` equals `e` must not hand the
    /// secrets of one client to another.
    pub fn matches(&self, stored: &str) -> bool {
        self.0 == stored
    }
}

/// Whether a client whose last request was at `last_seen` is online at `now`, both in microseconds since 1970.
pub fn is_online(last_seen: i64, now: i64) -> bool {
    now.saturating_sub(last_seen) <= ONLINE_MICROS
}
