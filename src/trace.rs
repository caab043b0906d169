//! The trace of a request, as W3C Trace Context names it in the header `traceparent`. Pure.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The length of the header in version 00: version, trace id, parent id and flags, with hyphens.
const LENGTH: usize = 55;

/// A valid `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceParent([u8; LENGTH]);

impl TraceParent {
    /// The name of the header.
    pub const HEADER: &'static str = "traceparent";

    /// Parses the header; `None` if it is not valid. Of a later version than 00 the known part is taken.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (known, rest) = header.split_at_checked(LENGTH)?;
        let known: [u8; LENGTH] = known.try_into().ok()?;
        let version = &known[..2];
        let is_known = match version {
            b"ff" => false,
            b"00" => rest.is_empty(),
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let is_hyphen = |index: usize| matches!(index, 2 | 35 | 52);
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_well_formed =
            known.iter().enumerate().all(|(index, byte)| if is_hyphen(index) { *byte == b'-' } else { is_hex(*byte) });
        let is_zero = |range: &[u8]| range.iter().all(|byte| *byte == b'0');
        (is_known && is_well_formed && !is_zero(&known[3..35]) && !is_zero(&known[36..52])).then_some(Self(known))
    }

    /// The header.
    pub fn as_str(&self) -> &str {
        // It is ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same trace in the span `id`, which must not be 0.
    #[must_use]
    pub fn in_span(mut self, id: u64) -> Self {
        self.0[36..52].copy_from_slice(format!("{id:016x}").as_bytes());
        self
    }

    /// Whether the caller records the trace.
    pub fn is_sampled(&self) -> bool {
        u8::from_str_radix(&self.as_str()[53..], 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// The id of the span: 16 hexadecimal digits.
    pub fn span_id(&self) -> &str {
        &self.as_str()[36..52]
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        &self.as_str()[3..35]
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Reads a stored trace; `None` for one of a later release that cannot be read.
///
/// # Errors
/// The value is no text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<TraceParent>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| TraceParent::parse(text.as_bytes())).map(Box::new))
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
