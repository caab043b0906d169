//! The rules.

use presence_sidecar::presence::domain::identity::{Id, Meta, Scope, SessionId, Subject};
use presence_sidecar::presence::domain::{
    Decision, DeviceTime, Heartbeat, Input, MAX_SESSIONS, Record, RecordLookup, RecordWrite, Rules, Span, State,
    Status, Timestamp, Transition, Windows,
};
use proptest::prelude::*;

use super::reference::{AWAY_AFTER, Event, Reference, TTL};

const START: Timestamp = Timestamp::from_secs(1_772_600_767);

pub(super) fn windows() -> Windows {
    Windows {
        ttl: Span::from_secs(u32::try_from(TTL).unwrap()),
        away_after: Span::from_secs(u32::try_from(AWAY_AFTER).unwrap()),
        remember: Span::from_secs(3_600),
    }
}

fn rules() -> Rules {
    Rules { windows: windows(), installation: uuid::Uuid::nil() }
}

pub(super) fn subject() -> Subject {
    Subject::new(Id::from(7), Scope::default(), true)
}

pub(super) fn session(number: u8) -> SessionId {
    SessionId::new(&format!("tab-{number}")).unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(START.micros() + seconds * 1_000_000)
}

pub(super) fn beat(number: u8, active: bool) -> Heartbeat {
    Heartbeat { session: session(number), active, meta: Meta::default(), sent_at: None }
}

/// A heartbeat that tells when it was sent.
pub(super) fn sent(number: u8, millis: i64) -> Input {
    Input::Heartbeat(told(number, true, Some(millis)))
}

/// The end of a session.
pub(super) fn end(number: u8, sent: Option<i64>) -> Input {
    let sent_at = sent.map(DeviceTime::from_millis);
    Input::Offline { session: Some(session(number)), meta: Meta::default(), sent_at }
}

pub(super) fn heartbeat() -> Input {
    Input::Heartbeat(beat(0, true))
}

pub(super) fn run(state: Option<State>, input: Input, now: Timestamp) -> Decision {
    rules().apply(state, RecordLookup::Unknown, &subject(), input, now)
}

fn record(last_seen: Timestamp) -> Record {
    Record { last_seen, idle: false, meta: Meta::default() }
}

pub(super) fn statuses(decision: &Decision) -> Vec<Status> {
    decision.changes.iter().map(|change| change.status).collect()
}

#[test]
fn first_heartbeat_is_a_transition_and_a_second_is_not() {
    let first = run(None, heartbeat(), START);
    assert_eq!(first.transition(), Some(Transition::CameOnline));
    assert_eq!(statuses(&first), [Status::Online]);
    let second = run(first.state, heartbeat(), after(1));
    assert_eq!((second.transition(), second.changes.len()), (None, 0));
}

#[test]
fn heartbeat_after_expiry_records_what_time_did_and_is_a_new_online() {
    let first = run(None, heartbeat(), START);
    let late = run(first.state, heartbeat(), after(60));
    assert_eq!(statuses(&late), [Status::Away, Status::Offline, Status::Online]);
    let times: Vec<_> = late.changes.iter().map(|change| change.occurred_at).collect();
    assert_eq!(times, [after(AWAY_AFTER), after(TTL), after(60)]);
    assert_eq!(late.transition(), Some(Transition::CameOnline));
}

#[test]
fn active_tab_outweighs_an_idle_one_until_it_grows_old() {
    let first = run(None, heartbeat(), START);
    let idle = run(first.state, Input::Heartbeat(beat(1, false)), after(5));
    assert_eq!(idle.status(), Status::Online);
    let swept = run(idle.state, Input::Tick, after(AWAY_AFTER));
    assert_eq!(statuses(&swept), [Status::Away]);
}

#[test]
fn user_who_is_idle_in_a_fresh_tab_is_away_and_the_record_says_so() {
    let decision = run(None, Input::Heartbeat(beat(0, false)), START);
    assert_eq!(decision.status(), Status::Away);
    let RecordWrite::Put(record, seconds) = decision.record else { panic!("a heartbeat writes the record") };
    assert!(record.idle);
    assert_eq!(i64::from(seconds), TTL);
}

#[test]
fn leaving_one_tab_keeps_the_others_and_leaving_the_last_ends_the_presence() {
    let both = run(run(None, heartbeat(), START).state, Input::Heartbeat(beat(1, true)), after(1));
    let one = run(both.state, end(1, None), after(2));
    assert_eq!((one.status(), one.changes.len()), (Status::Online, 0));
    let none = run(one.state, end(0, None), after(3));
    assert_eq!(none.transition(), Some(Transition::WentOffline));
    assert_eq!(none.record, RecordWrite::Forget);
}

#[test]
fn explicit_calls_are_always_announced() {
    let online = run(run(None, heartbeat(), START).state, Input::Online(beat(0, true)), after(1));
    assert_eq!(statuses(&online), [Status::Online]);
    assert_eq!(online.transition(), None);
    let offline = run(None, Input::Offline { session: None, meta: Meta::default(), sent_at: None }, START);
    assert_eq!(statuses(&offline), [Status::Offline]);
    assert_eq!(offline.transition(), None);
}

#[test]
fn newer_record_of_php_is_adopted() {
    let known = run(None, heartbeat(), START).state;
    let observed = RecordLookup::Found(record(after(8)));
    let swept = rules().apply(known, observed, &subject(), Input::Tick, after(AWAY_AFTER));
    assert_eq!((swept.status(), swept.changes.len()), (Status::Online, 0));
    assert_eq!(swept.due, Some(after(8 + AWAY_AFTER)));
}

#[test]
fn record_of_php_belongs_to_the_only_session_or_the_default_one() {
    let one = run(None, heartbeat(), START).state;
    let two = run(one.clone(), Input::Heartbeat(beat(1, true)), after(1)).state;
    let sessions = |known| {
        let observed = RecordLookup::Found(record(after(8)));
        let state = rules().apply(known, observed, &subject(), Input::Tick, after(8)).state.unwrap();
        state.sessions.into_iter().map(|session| (session.id, session.seen)).collect::<Vec<_>>()
    };
    assert_eq!(sessions(one), [(session(0), after(8))]);
    assert_eq!(sessions(two), [(session(0), START), (session(1), after(1)), (SessionId::default(), after(8))]);
}

#[test]
fn heartbeat_is_a_refresh_if_it_changes_nothing_but_the_time() {
    let online = run(None, heartbeat(), START).state.unwrap();
    let idle = run(None, Input::Heartbeat(beat(0, false)), START).state.unwrap();
    let both = run(Some(online.clone()), Input::Heartbeat(beat(1, true)), START).state.unwrap();
    let steady = |state: &State, input: &Input, second| state.is_refresh(&subject(), input, &windows(), after(second));
    assert!(steady(&online, &heartbeat(), 1));
    assert!(steady(&idle, &Input::Heartbeat(beat(0, false)), 1));
    assert!(!steady(&idle, &heartbeat(), 1), "comes back");
    assert!(!steady(&online, &Input::Heartbeat(beat(0, false)), 1), "turns away");
    assert!(!steady(&online, &Input::Heartbeat(beat(1, true)), 1), "another tab");
    assert!(!steady(&online, &Input::Online(beat(0, true)), 1), "is to be announced");
    assert!(!steady(&online, &heartbeat(), AWAY_AFTER - 1), "a sweep may be about to look");
    assert!(!steady(&both, &heartbeat(), 1), "there is another tab");
    let spelled = Subject::new(Id::text("7").unwrap(), Scope::default(), true);
    assert!(!online.is_refresh(&spelled, &heartbeat(), &windows(), after(1)), "another spelling");
}

#[test]
fn user_put_online_by_php_does_not_come_online_again() {
    let observed = RecordLookup::Found(record(START));
    let decision = rules().apply(None, observed, &subject(), heartbeat(), after(1));
    assert_eq!(decision.transition(), None);
    assert_eq!(statuses(&decision), [Status::Online]);
}

#[test]
fn record_that_php_removed_ends_the_presence() {
    let known = run(None, heartbeat(), START).state;
    let swept = rules().apply(known, RecordLookup::Missing, &subject(), Input::Tick, after(3));
    assert_eq!(statuses(&swept), [Status::Offline]);
    assert_eq!(swept.changes[0].occurred_at, after(3));
}

#[test]
fn forgotten_user_gets_a_greater_seq_afterwards() {
    let online = run(None, heartbeat(), START);
    let seq = online.changes[0].seq;
    let gone = run(online.state, Input::Tick, after(3_600 + TTL));
    assert_eq!(gone.state, None);
    assert_eq!(statuses(&gone), [Status::Away, Status::Offline]);
    let again = run(None, heartbeat(), after(3_601 + TTL));
    assert!(again.changes[0].seq > seq);
}

#[test]
fn clock_that_goes_back_a_little_moves_no_heartbeat_and_no_seq_back() {
    let first = run(None, heartbeat(), START);
    let seq = first.changes[0].seq;
    let earlier = run(first.state, Input::Online(beat(0, true)), after(-AWAY_AFTER / 4));
    assert_eq!(earlier.state.as_ref().and_then(State::seen), Some(START));
    assert!(earlier.changes[0].seq > seq);
}

#[test]
fn times_in_the_future_count_as_now_after_the_clock_was_set_back() {
    let ahead = run(None, heartbeat(), after(86_400)).state.unwrap();
    let seq = ahead.version;
    assert!(!ahead.is_refresh(&subject(), &heartbeat(), &windows(), START), "it has to be written");
    for input in [heartbeat(), Input::Tick] {
        let now = run(Some(ahead.clone()), input, START);
        let state = now.state.unwrap();
        assert_eq!((state.seen(), state.last_online, state.since), (Some(START), Some(START), START));
        assert!(state.version > seq && now.dirty);
        assert_eq!(now.due, Some(after(AWAY_AFTER)));
    }
}

#[test]
fn record_dated_beyond_the_ttl_is_ignored_as_in_php() {
    let known = run(None, heartbeat(), START).state;
    let observed = RecordLookup::Found(record(after(86_400)));
    let swept = rules().apply(known, observed, &subject(), Input::Tick, after(TTL));
    assert_eq!(statuses(&swept), [Status::Away, Status::Offline]);
}

#[test]
fn sessions_are_limited_to_the_maximum() {
    let mut state = None;
    for number in 0..=u8::try_from(MAX_SESSIONS).unwrap() {
        state = run(state, Input::Heartbeat(beat(number, true)), START).state;
    }
    let state = state.unwrap();
    assert_eq!(state.sessions.len(), MAX_SESSIONS);
    assert!(state.sessions.iter().all(|kept| kept.id != session(0)));
}

pub(super) fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let sent = || prop::option::of(0..5_i64);
    let beat = move || (0..3_u8, any::<bool>(), sent());
    let event = prop_oneof![
        4 => beat().prop_map(|(session, active, sent)| Event::Heartbeat { session, active, sent }),
        1 => beat().prop_map(|(session, active, sent)| Event::Online { session, active, sent }),
        1 => Just(Event::OfflineAll),
        2 => (0..3_u8, sent()).prop_map(|(session, sent)| Event::OfflineOne { session, sent }),
        3 => Just(Event::Tick),
    ];
    prop::collection::vec((0..20_000_i64, event), 1..60)
}

fn told(session: u8, active: bool, sent: Option<i64>) -> Heartbeat {
    Heartbeat { sent_at: sent.map(DeviceTime::from_millis), ..beat(session, active) }
}

pub(super) fn input(event: &Event) -> Input {
    match *event {
        Event::Heartbeat { session, active, sent } => Input::Heartbeat(told(session, active, sent)),
        Event::Online { session, active, sent } => Input::Online(told(session, active, sent)),
        Event::OfflineAll => Input::Offline { session: None, meta: Meta::default(), sent_at: None },
        Event::OfflineOne { session, sent } => end(session, sent),
        Event::Tick => Input::Tick,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::support::cases(2_000)))]

    #[test]
    fn log_is_that_of_the_definition_whenever_the_sweep_runs(events in events()) {
        let mut reference = Reference::new(START);
        let mut now = START;
        let (mut state, mut filed, mut version) = (None::<State>, None, 0);
        let (mut log, mut seq) = (Vec::new(), 0);
        for (millis, event) in &events {
            now = Timestamp::from_micros(now.micros() + millis * 1_000);
            reference.happen(event, now);
            let decision = run(state.take(), input(event), now);
            for change in &decision.changes {
                prop_assert!(change.seq > seq);
                seq = change.seq;
                log.push((change.status, change.occurred_at.micros()));
            }
            prop_assert_eq!(decision.status(), reference.status());
            filed = decision.due.or(filed);
            if let Some(state) = &decision.state {
                prop_assert!(filed.is_some_and(|filed| filed <= state.due(&windows())), "a due time is never too late");
                prop_assert!(!decision.dirty || state.version > version);
                version = state.version;
            }
            state = decision.state;
        }
        prop_assert_eq!(&log, &reference.log);
    }

    #[test]
    fn record_makes_php_see_the_status_unless_only_time_has_passed(events in events()) {
        let (mut now, mut state) = (START, None);
        let mut lies: Option<(Record, Timestamp)> = None;
        for (millis, event) in &events {
            now = Timestamp::from_micros(now.micros() + millis * 1_000);
            let decision = run(state.take(), input(event), now);
            match &decision.record {
                RecordWrite::Put(record, seconds) => lies = Some((record.clone(), now.plus(Span::from_secs(*seconds)))),
                RecordWrite::Forget => lies = None,
                RecordWrite::Keep => {}
            }
            let seen = lies.as_ref().filter(|(_, until)| *until > now).map_or(Status::Offline, |(record, _)| {
                Status::of_record(record.last_seen, record.idle, now, &windows())
            });
            prop_assert_eq!(seen, decision.status(), "{:?}", lies);
            state = decision.state;
        }
    }
}
