//! CommitReply that are asked for at every heartbeat, written straight into the response.
//!
//! What is written here is described by the types of the same names in [`super::types`]; a test reads it back as them.

use crate::php::date;
use crate::presence::CommandOutcome;
use crate::presence::domain::identity::Id;
use crate::presence::domain::{Timestamp, Transition, View};
use crate::presence::service::read_many::CachedView;
use crate::presence::service::{RosterEntry, SnapshotEntry};

/// A [`BriefAnswer`](super::types::BriefAnswer).
pub(super) fn brief(view: &View, out: &mut Vec<u8>) {
    out.push(b'{');
    brief_entries(view, out);
    out.push(b'}');
}

/// A [`StatusResponse`](super::types::StatusResponse).
pub(super) fn status(view: &View, out: &mut Vec<u8>) {
    out.push(b'{');
    status_entries(view, out);
    out.push(b'}');
}

/// A [`OutcomeResponse`](super::types::OutcomeResponse).
pub(super) fn happened(happened: &CommandOutcome, out: &mut Vec<u8>) {
    out.push(b'{');
    status_entries(&happened.view, out);
    out.extend_from_slice(match happened.transition {
        Some(Transition::CameOnline) => b",\"transition\":\"came_online\"}",
        Some(Transition::WentOffline) => b",\"transition\":\"went_offline\"}",
        None => b",\"transition\":null}",
    });
}

/// A [`MemberAnswer`](super::types::MemberAnswer).
pub(super) fn member(member: &RosterEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"user_id\":");
    json(&member.user, out);
    out.push(b',');
    status_entries(&member.view, out);
    out.push(b'}');
}

/// A [`PresentAnswer`](super::types::PresentAnswer).
pub(super) fn present(user: &SnapshotEntry, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"user_id\":");
    json(&user.state.user, out);
    out.extend_from_slice(b",\"scope\":");
    json(&user.state.scope.parts(), out);
    out.extend_from_slice(b",\"seq\":");
    json(&user.state.version, out);
    out.push(b',');
    status_entries(&user.view, out);
    out.push(b'}');
}

/// A JSON array of `items`.
pub(super) fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    separated(items, out, write);
    out.push(b']');
}

/// A [`ManyResponse`](super::types::ManyResponse); the ids must differ, and be [normalized](Id::normalized).
pub(super) fn many<'a>(users: impl Iterator<Item = (&'a Id, &'a CachedView)>, out: &mut Vec<u8>) {
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
        out.extend_from_slice(seen.json_with(brief));
    });
    out.push(b'}');
}

/// Any JSON value, by serde.
pub(super) fn json(value: &impl serde::Serialize, out: &mut Vec<u8>) {
    if let Err(error) = serde_json::to_writer(&mut *out, value) {
        unreachable!("values with string keys, and a writer that cannot fail: {error}");
    }
}

fn separated<T>(items: impl IntoIterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

fn brief_entries(view: &View, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"status\":\"");
    out.extend_from_slice(view.status.as_str().as_bytes());
    out.extend_from_slice(b"\",\"last_seen_at\":");
    moment(view.last_seen, out);
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

fn status_entries(view: &View, out: &mut Vec<u8>) {
    brief_entries(view, out);
    out.extend_from_slice(b",\"last_online_at\":");
    moment(view.last_online, out);
    out.extend_from_slice(b",\"sessions\":[");
    separated(&view.sessions, out, |session, out| {
        out.extend_from_slice(b"{\"id\":");
        json(&session.id, out);
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(session.status.as_str().as_bytes());
        out.extend_from_slice(b"\",\"last_seen_at\":");
        moment(Some(session.last_seen), out);
        out.push(b'}');
    });
    out.push(b']');
}

fn moment(at: Option<Timestamp>, out: &mut Vec<u8>) {
    match at {
        Some(at) => {
            out.push(b'"');
            date::to_json_into(at.micros(), out);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
mod tests {
    use poem_openapi::types::{ParseFromJSON, ToJSON};
    use serde_json::Value;

    use super::super::types::{BriefAnswer, ManyResponse, MemberAnswer, OutcomeResponse};
    use super::*;
    use crate::php::Array;
    use crate::presence::domain::SessionView;
    use crate::presence::domain::Status;
    use crate::presence::domain::identity::SessionId;

    fn views() -> Vec<View> {
        let at = Timestamp::from_micros(1_772_600_767_123_456);
        let mut meta = Array::default();
        meta.insert("a\"b", crate::php::Value::Int(1));
        let session = SessionView { id: SessionId::default(), status: Status::Away, last_seen: at };
        let full = View {
            status: Status::Online,
            last_seen: Some(at),
            seconds_ago: Some(-3),
            meta: meta.into(),
            last_online: Some(at),
            sessions: vec![session.clone(), session],
        };
        vec![View::offline(), full]
    }

    /// What was written is JSON, is what its type describes, and nothing else.
    fn assert_described<T: ParseFromJSON + ToJSON>(write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        let json: Value = serde_json::from_slice(&out).unwrap();
        let read =
            T::parse_from_json(Some(json.clone())).map_err(poem_openapi::types::ParseError::into_message).unwrap();
        assert_eq!(read.to_json(), Some(json));
    }

    #[test]
    fn what_is_written_is_what_the_types_describe() {
        for view in views() {
            assert_described::<BriefAnswer>(|out| brief(&view, out));
            let seen = CachedView::from(view.clone());
            let ids = [Id::from(1), Id::text("x\"").unwrap()];
            assert_described::<ManyResponse>(|out| many(ids.iter().zip([&seen, &seen]), out));
            let user = Id::from(7);
            assert_described::<MemberAnswer>(|out| member(&RosterEntry { user, view: view.clone() }, out));
            for transition in [None, Some(Transition::CameOnline), Some(Transition::WentOffline)] {
                let view = view.clone();
                assert_described::<OutcomeResponse>(|out| happened(&CommandOutcome { view, transition }, out));
            }
        }
    }
}
