//! Writes the most frequent responses without serde: 2 to 6 times as fast, since serde would parse each meta again.
//!
//! The types of [`super::responses`] are their schema; a test compares the text with theirs.

use std::ops::Range;

use crate::php::date;
use crate::presence::domain::identity::{Id, UserKey};
use crate::presence::domain::{Timestamp, Transition, View};
use crate::presence::service::commit::CommandOutcome;
use crate::presence::service::read_many::CachedView;
use crate::presence::service::{RosterEntry, Snapshot, SnapshotEntry};

/// A [`BriefResponse`](super::responses::BriefResponse).
pub fn brief(view: &View, out: &mut Vec<u8>) {
    out.push(b'{');
    brief_entries(view, &mut Times::default(), out);
    out.push(b'}');
}

/// A [`StatusResponse`](super::responses::StatusResponse).
pub fn status(view: &View, out: &mut Vec<u8>) {
    out.push(b'{');
    status_entries(view, out);
    out.push(b'}');
}

/// An [`OutcomeResponse`](super::responses::OutcomeResponse).
pub fn outcome(outcome: &CommandOutcome, out: &mut Vec<u8>) {
    out.push(b'{');
    status_entries(&outcome.view, out);
    out.extend_from_slice(match outcome.transition {
        Some(Transition::CameOnline) => b",\"transition\":\"came_online\"}",
        Some(Transition::WentOffline) => b",\"transition\":\"went_offline\"}",
        None => b",\"transition\":null}",
    });
}

/// A JSON array of `items`.
pub(super) fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    separated(items, out, write);
    out.push(b']');
}

/// A [`ManyResponse`](super::responses::ManyResponse). The ids must be distinct and [folded](Id::normalized).
pub fn many<'a>(users: impl Iterator<Item = (&'a Id, &'a CachedView)>, out: &mut Vec<u8>) {
    out.push(b'{');
    separated(users, out, |(user, seen), out| {
        match user {
            Id::Int(number) => {
                out.push(b'"');
                json(number, out);
                out.extend_from_slice(b"\":");
            }
            Id::Text(text) => {
                json(text, out);
                out.push(b':');
            }
        }
        seen.write_json(out, brief);
    });
    out.push(b'}');
}

/// A [`RosterResponse`](super::responses::RosterResponse).
pub fn roster(members: &[RosterEntry], next: Option<&UserKey>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"data\":");
    list(members, out, |RosterEntry { user, view, .. }, out| {
        out.extend_from_slice(b"{\"user_id\":");
        json(user, out);
        out.push(b',');
        status_entries(view, out);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"next_cursor\":");
    json(&next.map(UserKey::member), out);
    out.push(b'}');
}

/// A [`SnapshotResponse`](super::responses::SnapshotResponse).
pub fn snapshot(Snapshot { cursor, users, next }: &Snapshot, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"data\":");
    list(users, out, |SnapshotEntry { state, view }, out| {
        out.extend_from_slice(b"{\"user_id\":");
        json(&state.user, out);
        out.extend_from_slice(b",\"scope\":");
        json(&state.scope.parts(), out);
        out.extend_from_slice(b",\"seq\":");
        json(&state.version, out);
        out.push(b',');
        status_entries(view, out);
        out.push(b'}');
    });
    out.extend_from_slice(b",\"cursor\":");
    json(cursor, out);
    out.extend_from_slice(b",\"next_page\":");
    json(&next.as_ref().map(ToString::to_string), out);
    out.push(b'}');
}

/// Any JSON value, through serde.
pub(super) fn json(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        unreachable!("the keys are strings, and writing into a Vec cannot fail: {error}");
    }
}

fn separated<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

fn brief_entries(view: &View, times: &mut Times, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"status\":\"");
    out.extend_from_slice(view.status.as_str().as_bytes());
    out.extend_from_slice(b"\",\"last_seen_at\":");
    times.write(view.last_seen, out);
    match view.seconds_ago {
        Some(seconds) => {
            out.extend_from_slice(b",\"seconds_ago\":");
            json(&seconds, out);
        }
        None => out.extend_from_slice(b",\"seconds_ago\":null"),
    }
    out.extend_from_slice(b",\"meta\":");
    out.extend_from_slice(view.meta.json());
}

pub(super) fn status_entries(view: &View, out: &mut Vec<u8>) {
    let mut times = Times::default();
    brief_entries(view, &mut times, out);
    out.extend_from_slice(b",\"last_online_at\":");
    times.write(view.last_online, out);
    out.extend_from_slice(b",\"sessions\":[");
    separated(&view.sessions, out, |session, out| {
        out.extend_from_slice(b"{\"id\":");
        json(&session.id, out);
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(session.status.as_str().as_bytes());
        out.extend_from_slice(b"\",\"last_seen_at\":");
        times.write(Some(session.last_seen), out);
        out.push(b'}');
    });
    out.push(b']');
}

/// Writes the times of a user, of which most are the same: such a one is copied from where it was written before.
#[derive(Default)]
struct Times {
    written: Option<(Timestamp, Range<usize>)>,
}

impl Times {
    fn write(&mut self, at: Option<Timestamp>, out: &mut Vec<u8>) {
        match (at, &self.written) {
            (None, _) => out.extend_from_slice(b"null"),
            (Some(at), Some((written, text))) if *written == at => out.extend_from_within(text.clone()),
            (Some(at), _) => {
                let start = out.len();
                out.push(b'"');
                date::to_json_into(at.micros(), out);
                out.push(b'"');
                self.written = Some((at, start..out.len()));
            }
        }
    }
}
