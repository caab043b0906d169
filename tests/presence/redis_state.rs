//! The state of a user in Redis is the JSON that serde writes, and reads back.

use presence_sidecar::presence::domain::identity::{Id, Meta, Scope, SessionId};
use presence_sidecar::presence::domain::{DeviceTime, Session, SessionEnd, State, Status, Timestamp};
use presence_sidecar::presence::store::redis::state::{VERSION, decode, encode};
use proptest::prelude::*;

fn id() -> impl Strategy<Value = Id> {
    prop_oneof![any::<i64>().prop_map(Id::from), "[^|\\p{Cc}]{0,9}".prop_map(|text| Id::text(&text).unwrap())]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

fn session() -> impl Strategy<Value = Session> {
    ("[^|\\p{Cc}]{0,9}", moment(), any::<bool>()).prop_map(|(name, seen, active)| Session {
        id: SessionId::new(&name).unwrap(),
        seen,
        active,
    })
}

fn session_end() -> impl Strategy<Value = SessionEnd> {
    (session(), any::<i64>(), moment()).prop_map(|(session, millis, received_at)| SessionEnd {
        session: session.id,
        sent_at: DeviceTime::from_millis(millis),
        received_at,
    })
}

prop_compose! {
    fn state()(
        version in any::<u64>(),
        user in id(),
        parts in prop::array::uniform4(prop::option::of(id())),
        status in prop_oneof![Just(Status::Online), Just(Status::Away), Just(Status::Offline)],
        since in moment(),
        sessions in prop::collection::vec(session(), 0..4),
        last_online in prop::option::of(moment()),
        ended in prop::option::of(session_end()),
        meta in prop_oneof![Just("[]"), Just("\"foreign\""), Just(r#"{"a":[1,{"b":"\"é\""}]}"#)],
    ) -> State {
        let [tenant, location, domain, guard] = parts;
        let scope = Scope { tenant, location, domain, guard };
        let meta = Meta::from_json(meta).unwrap();
        State { version, user, scope, status, since, sessions, last_online, ended, meta }
    }
}

#[test]
fn decode_reads_a_state_without_a_session_end() {
    let json = r#"{"u":7,"g":{},"s":"away","f":1,"c":[{"i":"tab","t":0,"a":false}],"o":null,"m":[]}"#;
    let (version, state) = decode(format!("00000000000000ff{json}").as_bytes());
    assert_eq!((version, state.unwrap().ended), (255, None));
}

proptest! {
    #[test]
    fn encode_equals_serde_and_decode_reads_it(state in state()) {
        let bytes = encode(&state);
        prop_assert_eq!(std::str::from_utf8(&bytes[VERSION..]).unwrap(), serde_json::to_string(&state).unwrap());
        prop_assert_eq!(decode(&bytes), (state.version, Some(state)));
    }
}
