//! Where a poll goes on.

/// The place behind which messages are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollCursor {
    /// Behind the last acknowledged message.
    Acknowledged,
    /// Behind this id, whatever is acknowledged.
    After(i64),
}

impl PollCursor {
    /// What the reference makes of a query parameter, on SQLite: nothing and `0` mean the last acknowledged message, a
    /// number stands for itself, rounded down, and behind what is no number there is nothing.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" | "0" => Self::Acknowledged,
            text => Self::After(text.parse().unwrap_or_else(|_| rounded(text))),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a number beyond 64 bits lies beyond every id")]
fn rounded(text: &str) -> i64 {
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|_| numeric).map_or(i64::MAX, |number| number.floor() as i64)
}
