//! The cursor of a poll.

/// The position after which a poll reads messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollCursor {
    /// After the last acknowledged message.
    Acknowledged,
    /// After the message with this id, whatever is acknowledged.
    After(i64),
}

impl PollCursor {
    /// Parses a query parameter as the reference server does on SQLite: an empty text and `0` mean the last acknowledged
    /// message, a number is rounded down, and any other text lies after every message.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" | "0" => Self::Acknowledged,
            text => Self::After(text.parse().unwrap_or_else(|_| parse_rounded(text))),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a number beyond 64 bits is greater than every id")]
fn parse_rounded(text: &str) -> i64 {
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|_| numeric).map_or(i64::MAX, |number| number.floor() as i64)
}
