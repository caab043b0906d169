//! Points in time, and the windows that turn the age of a heartbeat into a status.

use serde::{Deserialize, Serialize};

use super::whole;

/// A point in time: microseconds since the Unix epoch, on the store's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A length of time in microseconds, never negative in the rules of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(i64);

/// When a request was sent, by the clock of the device of its session: milliseconds since the Unix epoch.
///
/// That clock may be wrong, so such times are compared with those of the same session, never with a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceTime(#[serde(deserialize_with = "whole::deserialize")] i64);

const MICROS: i64 = 1_000_000;

impl Timestamp {
    /// The point `micros` microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The point `seconds` seconds after the Unix epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MICROS))
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS)
    }

    /// This point without its fraction of a second: the resolution of the Laravel record.
    pub const fn whole_second(self) -> Self {
        Self(self.secs() * MICROS)
    }

    /// Whole seconds between two points, whichever comes first (Carbon's absolute `diffInSeconds`).
    pub const fn seconds_apart(self, other: Self) -> i64 {
        (self.0.abs_diff(other.0) / MICROS.unsigned_abs()).cast_signed()
    }

    /// The point `span` after this one.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The point `span` before this one.
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl DeviceTime {
    /// The moment `millis` milliseconds after the Unix epoch, as the device counts.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch, as the device counts.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

impl Span {
    /// A span of whole seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds as i64 * MICROS)
    }

    /// A span of at most `i64::MAX` microseconds; longer ones are cut to that.
    pub fn from_duration(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }

    /// Whole seconds, rounded down.
    pub const fn secs(self) -> i64 {
        self.0 / MICROS
    }
}

/// How long a heartbeat counts. The caller guarantees `away_after` < `ttl` (the configuration checks it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// A heartbeat this old, or older, no longer makes its session present.
    pub ttl: Span,
    /// A heartbeat this old, or older, no longer makes its session active.
    pub away_after: Span,
    /// How long a user who went offline is remembered before the state is purged.
    pub remember: Span,
}

impl Windows {
    /// How close to a boundary a heartbeat and a sweep may overlap: far longer than either takes.
    pub(in crate::presence) const fn margin(&self) -> Span {
        Span(self.away_after.0 / 4)
    }
}
