//! What the messaging wing talks about: ids, cursors, fingerprints, moments. Each is made in one place and not checked again.

mod cursor;
mod integer;
mod moment;

use uuid::Uuid;

pub use self::cursor::PollCursor;
pub use self::integer::integer;
pub use self::moment::MessageTime;
use crate::laravel::trim::trim;

/// How long after its last request a client counts as online, in microseconds.
const ONLINE: i64 = 120 * 1_000_000;

/// A client's id: a UUID as text, in the letters it came with. Whether `A` and `a` are the same client is for the
/// database to say, as it is for Laravel: on SQLite they are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

impl ClientId {
    /// A new random one.
    pub fn generate() -> Self {
        Self(Uuid::new_v4().hyphenated().to_string())
    }

    /// The id that this text is, by the rule of Laravel's `Str::isUuid`: hexadecimal digits in groups of 8, 4, 4, 4 and 12,
    /// of whatever version.
    pub fn parse(text: &str) -> Option<Self> {
        let dash = |place: usize| matches!(place, 8 | 13 | 18 | 23);
        let fits = |(place, byte): (usize, u8)| if dash(place) { byte == b'-' } else { byte.is_ascii_hexdigit() };
        (text.len() == 36 && text.bytes().enumerate().all(fits)).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client calls itself so that it finds its credentials again: not empty, trimmed as Laravel trims.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint in this text, `None` if nothing is left of it.
    pub fn new(text: &str) -> Option<Self> {
        let trimmed = trim(text);
        (!trimmed.is_empty()).then(|| Self(trimmed.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a stored one is this one, byte for byte: a collation under which `é` is `e` would hand one client's secrets
    /// to another.
    pub fn is(&self, stored: &str) -> bool {
        self.0 == stored
    }
}

/// Whether a client that was last seen at `last_seen` is online at `now`, both in microseconds since 1970.
pub fn is_online(last_seen: i64, now: i64) -> bool {
    now.saturating_sub(last_seen) <= ONLINE
}
