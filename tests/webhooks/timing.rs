//! When a delivery is tried again, and when a receiver is spared.

use std::time::{Duration, Instant, SystemTime};

use presence_sidecar::webhooks::domain::breaker::{Breaker, CircuitState};
use presence_sidecar::webhooks::domain::retry;
use presence_sidecar::webhooks::domain::retry::{AttemptResult, RetryDecision, next};

const SECOND: Duration = Duration::from_secs(1);
const SCHEDULE: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

fn status(status: u16) -> AttemptResult {
    AttemptResult::Status { status, retry_after: None }
}

#[test]
fn whatever_is_not_a_success_is_tried_again_until_the_schedule_is_over() {
    for answer in [status(500), status(404), status(302), status(401), AttemptResult::Failed("no".into())] {
        let verdicts: Vec<_> = (1..=4).map(|number| next(&answer, number, &SCHEDULE, 0.0)).collect();
        let [first, second, third] = SCHEDULE.map(RetryDecision::Retry);
        assert_eq!(verdicts, [first, second, third, RetryDecision::GiveUp], "{answer:?}");
    }
    for code in [200, 204, 299] {
        assert_eq!(next(&status(code), 9, &SCHEDULE, 0.0), RetryDecision::Done);
    }
    assert_eq!(next(&status(410), 1, &SCHEDULE, 0.0), RetryDecision::Retry(Duration::from_secs(3600)));
    assert_eq!(next(&status(500), 1, &[], 0.0), RetryDecision::GiveUp);
}

#[test]
fn jitter_only_adds_at_most_a_tenth() {
    for (jitter, pause) in [(0.0, 30.0), (0.5, 31.5), (1.0, 33.0), (7.0, 33.0), (-1.0, 30.0)] {
        assert_eq!(next(&status(500), 2, &SCHEDULE, jitter), RetryDecision::Retry(Duration::from_secs_f64(pause)));
    }
}

#[test]
fn a_receiver_may_put_the_next_try_off_but_not_bring_it_forward_nor_put_it_off_for_ever() {
    let asking = |seconds| AttemptResult::Status { status: 503, retry_after: Some(Duration::from_secs(seconds)) };
    for (asked, pause) in [(1, 5), (60, 60), (u64::MAX, 24 * 3600)] {
        assert_eq!(next(&asking(asked), 1, &SCHEDULE, 0.0), RetryDecision::Retry(Duration::from_secs(pause)));
    }
}

#[test]
fn a_pause_is_asked_for_in_seconds_or_until_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (text, asked) in [
        ("90", Some(90)),
        (" 0 ", Some(0)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
        ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60)),
        ("Sun Nov  6 08:50:37 1994", Some(60)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(retry::after(text, now), asked.map(Duration::from_secs), "{text:?}");
    }
}

#[test]
fn a_receiver_that_fails_again_and_again_is_probed_less_and_less_until_it_is_back() {
    let (mut breaker, mut now) = (Breaker::default(), Instant::now());
    for _ in 0..4 {
        assert!(!breaker.failed(now, None));
        assert_eq!(breaker.gauge(now), CircuitState::Closed);
    }
    assert!(breaker.failed(now, None), "the fifth failure in a row opens it");
    assert!(!(0..30).any(|_| breaker.failed(now, None)), "what was under way says nothing new");
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let CircuitState::Open(until) = breaker.gauge(now) else { panic!("it is open") };
        pauses.push(until - now);
        now = until;
        assert_eq!(breaker.gauge(now), CircuitState::Probe);
        assert!(!breaker.failed(now, None));
    }
    assert!(pauses.is_sorted() && pauses[0] < SECOND && pauses[9] == 30 * SECOND, "{pauses:?}");
    assert!(breaker.succeeded());
    assert_eq!(breaker.gauge(now), CircuitState::Closed);
    assert!(!breaker.failed(now, None), "the count began anew");
}

#[test]
fn a_receiver_that_wants_to_rest_is_taken_at_its_word() {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    assert!(breaker.failed(now, Some(600 * SECOND)));
    assert_eq!(breaker.gauge(now + 599 * SECOND), CircuitState::Open(now + 600 * SECOND));
    assert_eq!(
        (breaker.gauge(now + 600 * SECOND), breaker.rest(now + 500 * SECOND)),
        (CircuitState::Probe, 100 * SECOND)
    );
    breaker.failed(now + SECOND, Some(900 * SECOND));
    assert_eq!(breaker.rest(now + SECOND), 900 * SECOND);
}

#[test]
fn who_answers_is_not_down_even_if_it_does_not_want_this_delivery() {
    for code in [200, 301, 400, 401, 404, 422] {
        assert!(!status(code).is_outage(), "{code}");
    }
    for outage in [
        status(410),
        status(429),
        status(500),
        status(503),
        AttemptResult::Failed("no".into()),
        AttemptResult::Refused("no".into()),
    ] {
        assert!(outage.is_outage(), "{outage:?}");
    }
}
