//! The writer of the most frequent responses gives the text of their schema types.

use presence_sidecar::php::{self, Array};
use presence_sidecar::presence::api::encode::{brief, many, outcome, status};
use presence_sidecar::presence::api::responses::{BriefResponse, ManyResponse, OutcomeResponse, StatusResponse};
use presence_sidecar::presence::domain::identity::{Id, SessionId};
use presence_sidecar::presence::domain::{SessionView, Status, Timestamp, Transition, View};
use presence_sidecar::presence::service::commit::CommandOutcome;
use presence_sidecar::presence::service::read_many::CachedView;

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
    assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(response).unwrap());
}

#[test]
fn writer_and_response_types_give_the_same_text() {
    for view in views() {
        assert_same(|out| brief(&view, out), &BriefResponse::from(view.clone()));
        assert_same(|out| status(&view, out), &StatusResponse::from(view.clone()));
        let cached = CachedView::from(view.clone());
        let ids = [Id::from(1), Id::text("x\"").unwrap()];
        let users = ids.iter().map(|id| (id.to_string(), BriefResponse::from(view.clone())));
        assert_same(|out| many(ids.iter().zip([&cached, &cached]), out), &users.collect::<ManyResponse>());
        for transition in [None, Some(Transition::CameOnline), Some(Transition::WentOffline)] {
            let result = CommandOutcome { view: view.clone(), transition };
            assert_same(|out| outcome(&result, out), &OutcomeResponse::from(result.clone()));
        }
    }
}
