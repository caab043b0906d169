//! The codec of a state in Redis: 16 hex digits of version, which a commit compares, then JSON. `newest.lua` describes the
//! member that the script of a commit adds at the end.

use serde::Serialize;

use crate::presence::domain::{Session, State};
use crate::presence::store::LogPosition;

/// The number of bytes of the version.
pub const VERSION: usize = 16;

/// The bytes of a state: the JSON of serde, written by hand, since each heartbeat of a user with several sessions writes
/// one.
pub fn encode(state: &State) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + state.meta.json().len());
    out.extend_from_slice(&digits(state.version));
    write(b"{\"u\":", &state.user, &mut out);
    write(b",\"g\":", &state.scope, &mut out);
    out.extend_from_slice(b",\"s\":\"");
    out.extend_from_slice(state.status.as_str().as_bytes());
    write(b"\",\"f\":", &state.since.micros(), &mut out);
    out.extend_from_slice(b",\"c\":[");
    for (place, session) in state.sessions.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_session(session, &mut out);
    }
    match state.last_online {
        Some(at) => write(b"],\"o\":", &at.micros(), &mut out),
        None => out.extend_from_slice(b"],\"o\":null"),
    }
    if let Some(ended) = &state.ended {
        write(b",\"e\":", ended, &mut out);
    }
    out.extend_from_slice(b",\"m\":");
    out.extend_from_slice(state.meta.json());
    out.push(b'}');
    out
}

fn write_session(session: &Session, out: &mut Vec<u8>) {
    write(b"{\"i\":", session.id.as_str(), out);
    write(b",\"t\":", &session.seen.micros(), out);
    out.extend_from_slice(if session.active { b",\"a\":true}" } else { b",\"a\":false}" });
}

fn write(before: &[u8], value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    if let Err(error) = serde_json::to_writer(out, value) {
        unreachable!("the value has string keys only, and the writer cannot fail: {error}");
    }
}

/// The state with another id of the user's newest entry in the change log than it has, if it has one.
pub(super) fn with_newest_change(state: &[u8], other: impl FnOnce(LogPosition) -> LogPosition) -> Vec<u8> {
    let newest = state.strip_suffix(b"\"}").and_then(|rest| {
        let before = rest.iter().rposition(|byte| *byte == b'"')?;
        let id = std::str::from_utf8(&rest[before + 1..]).ok()?.parse().ok()?;
        rest[..=before].ends_with(b",\"h\":\"").then_some((before, id))
    });
    match newest {
        Some((before, id)) => [&state[..=before], other(id).to_string().as_bytes(), b"\"}"].concat(),
        None => state.to_vec(),
    }
}

/// The version as a commit compares it: no bytes for 0, when there is no state.
pub(super) fn version(version: u64) -> Vec<u8> {
    if version == 0 { Vec::new() } else { digits(version).to_vec() }
}

fn digits(version: u64) -> [u8; VERSION] {
    std::array::from_fn(|place| b"0123456789abcdef"[(version >> (4 * (VERSION - 1 - place)) & 15) as usize])
}

/// The version in the head of a state; 0, as in the script, if the head is not a version.
fn read_version(head: &[u8]) -> u64 {
    let is_one = head.len() == VERSION && head.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let digits = std::str::from_utf8(head).ok().filter(|_| is_one);
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// The version and, unless it is unreadable, the state. `(0, None)` for no bytes.
///
/// A state of another layout counts as none; the next commit replaces it.
pub fn decode(bytes: &[u8]) -> (u64, Option<State>) {
    if bytes.is_empty() {
        return (0, None);
    }
    let (head, json) = bytes.split_at(VERSION.min(bytes.len()));
    let version = read_version(head);
    match serde_json::from_slice::<State>(json) {
        Ok(state) => (version, Some(State { version, ..state })),
        Err(error) => {
            tracing::error!(%error, "a presence state in Redis is unreadable and is treated as unknown");
            (version, None)
        }
    }
}
