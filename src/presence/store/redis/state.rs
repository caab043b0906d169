//! How a state lies in Redis: 16 hex digits of version, by which a commit compares, then JSON.

use crate::presence::model::State;

const VERSION: usize = 16;

/// The bytes of a state.
pub(super) fn encode(state: &State) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    out.extend_from_slice(&digits(state.version));
    if let Err(error) = serde_json::to_writer(&mut out, state) {
        unreachable!("a state has string keys only and a writer that cannot fail: {error}");
    }
    out
}

/// The version as a commit compares it: no bytes for 0, which means that there is no state.
pub(super) fn version(version: u64) -> Vec<u8> {
    if version == 0 { Vec::new() } else { digits(version).to_vec() }
}

fn digits(version: u64) -> [u8; VERSION] {
    std::array::from_fn(|place| b"0123456789abcdef"[(version >> (4 * (VERSION - 1 - place)) & 15) as usize])
}

/// The version and, unless it is unreadable, the state. `(0, None)` for no bytes.
///
/// A state of another layout is as good as none; the next commit replaces it.
pub(super) fn decode(bytes: &[u8]) -> (u64, Option<State>) {
    if bytes.is_empty() {
        return (0, None);
    }
    let (head, json) = bytes.split_at(VERSION.min(bytes.len()));
    let head = std::str::from_utf8(head).unwrap_or_default();
    let version = u64::from_str_radix(head, 16).unwrap_or(0);
    match serde_json::from_slice::<State>(json) {
        Ok(state) => (version, Some(State { version, ..state })),
        Err(error) => {
            tracing::error!(%error, "a presence state in Redis is unreadable and is treated as unknown");
            (version, None)
        }
    }
}
