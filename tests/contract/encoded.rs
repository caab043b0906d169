//! The writer of the most frequent responses gives the text of their schema types.

use presence_sidecar::php::{self, Array};
use presence_sidecar::presence::api::encode::{brief, many, outcome, roster, snapshot, status};
use presence_sidecar::presence::api::responses::{
    BriefResponse, ManyResponse, OutcomeResponse, RosterResponse, SnapshotResponse, StatusResponse,
};
use presence_sidecar::presence::domain::identity::{Id, Meta, Scope, SessionId, Subject, UserKey};
use presence_sidecar::presence::domain::{SessionView, State, Status, Timestamp, Transition, View};
use presence_sidecar::presence::service::commit::CommandOutcome;
use presence_sidecar::presence::service::read_many::CachedView;
use presence_sidecar::presence::service::{RosterEntry, Snapshot, SnapshotEntry, SnapshotPage};
use presence_sidecar::presence::store::ChangeCursor;

fn views() -> Vec<View> {
    let at = Timestamp::from_micros(1_772_600_767_123_456);
    let mut meta = Array::default();
    meta.insert("a\"b", php::Value::Int(1));
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

fn assert_same(write: impl FnOnce(&mut Vec<u8>), response: &impl serde::Serialize) {
    let mut out = Vec::new();
    write(&mut out);
    let (encoded, by_serde) = (String::from_utf8(out).unwrap(), serde_json::to_string(response).unwrap());
    assert_eq!(encoded, by_serde, "src/presence/api/encode.rs (left) differs from responses.rs (right)");
}

#[test]
fn writer_and_response_types_give_the_same_text() {
    for view in views() {
        assert_same(|out| brief(&view, out), &BriefResponse::from(view.clone()));
        assert_same(|out| status(&view, out), &StatusResponse::from(view.clone()));
        let [alone, shared] = [false, true].map(|is_shared| CachedView::new(view.clone(), is_shared));
        let ids = [Id::from(1), Id::text("x\"").unwrap()];
        let users = ids.iter().map(|id| (id.to_string(), BriefResponse::from(view.clone())));
        let users: ManyResponse = users.collect();
        assert_same(|out| many(ids.iter().zip([&alone, &shared]), out), &users);
        assert_same(|out| many(ids.iter().zip([&shared, &shared]), out), &users);
        for transition in [None, Some(Transition::CameOnline), Some(Transition::WentOffline)] {
            let result = CommandOutcome { view: view.clone(), transition };
            assert_same(|out| outcome(&result, out), &OutcomeResponse::from(result.clone()));
        }
    }
}

#[test]
fn writer_and_page_types_give_the_same_text() {
    let ids = [Id::from(1), Id::text("x\"").unwrap()];
    let scope = Scope { tenant: Some(Id::text("acme").unwrap()), location: Some(Id::from(7)), ..Scope::default() };
    let users = views().into_iter().zip(ids);
    let members: Vec<RosterEntry> = users.map(|(view, user)| RosterEntry { user, seq: 17, view }).collect();
    let subjects = members.iter().map(|member| Subject::new(member.user.clone(), scope.clone(), true));
    let keys: Vec<UserKey> = subjects.map(|subject| subject.key).collect();
    for next in [None, keys.first()] {
        let response = RosterResponse::new(members.clone(), next);
        assert_same(|out| roster(&members, next, out), &response);
    }
    let cursor = "1772600767123-4.5d2f09c4".parse::<ChangeCursor>().unwrap();
    let state = |user: &Id| State {
        version: 17,
        user: user.clone(),
        scope: scope.clone(),
        status: Status::Online,
        since: Timestamp::from_micros(0),
        sessions: Vec::new(),
        last_online: None,
        ended: None,
        meta: Meta::default(),
    };
    let user = |member: &RosterEntry| SnapshotEntry { state: state(&member.user), view: member.view.clone() };
    for next in [None, Some(SnapshotPage { cursor: cursor.clone(), from: 12 })] {
        let cursor = cursor.clone();
        let page = Snapshot { cursor, users: members.iter().map(user).collect(), next };
        assert_same(|out| snapshot(&page, out), &SnapshotResponse::from(page.clone()));
    }
}
