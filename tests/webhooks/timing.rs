//! The retry schedule and the circuit breaker.

use std::time::{Duration, Instant, SystemTime};

use presence_sidecar::webhooks::domain::breaker::{Breaker, CircuitState};
use presence_sidecar::webhooks::domain::retry;
use presence_sidecar::webhooks::domain::retry::{AttemptResult, RetryDecision};

const SECOND: Duration = Duration::from_secs(1);
const SCHEDULE: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(30), Duration::from_secs(120)];

fn status(status: u16) -> AttemptResult {
    AttemptResult::Status { status, retry_after: None }
}

#[test]
fn failure_is_retried_until_the_schedule_is_used_up() {
    for result in [status(500), status(404), status(302), status(401), AttemptResult::Failed("no".into())] {
        let decisions: Vec<_> = (1..=4).map(|number| retry::decide(&result, number, &SCHEDULE, 0.0)).collect();
        let [first, second, third] = SCHEDULE.map(RetryDecision::Retry);
        assert_eq!(decisions, [first, second, third, RetryDecision::GiveUp], "{result:?}");
    }
    for code in [200, 204, 299] {
        assert_eq!(retry::decide(&status(code), 9, &SCHEDULE, 0.0), RetryDecision::Done);
    }
    assert_eq!(retry::decide(&status(410), 1, &SCHEDULE, 0.0), RetryDecision::Retry(Duration::from_secs(3600)));
    assert_eq!(retry::decide(&status(500), 1, &[], 0.0), RetryDecision::GiveUp);
}

#[test]
fn jitter_adds_at_most_a_tenth() {
    for (jitter, pause) in [(0.0, 30.0), (0.5, 31.5), (1.0, 33.0), (7.0, 33.0), (-1.0, 30.0)] {
        assert_eq!(
            retry::decide(&status(500), 2, &SCHEDULE, jitter),
            RetryDecision::Retry(Duration::from_secs_f64(pause))
        );
    }
}

#[test]
fn retry_after_extends_the_pause_by_at_most_a_day() {
    let requesting = |seconds| AttemptResult::Status { status: 503, retry_after: Some(Duration::from_secs(seconds)) };
    for (requested, pause) in [(1, 5), (60, 60), (u64::MAX, 24 * 3600)] {
        assert_eq!(
            retry::decide(&requesting(requested), 1, &SCHEDULE, 0.0),
            RetryDecision::Retry(Duration::from_secs(pause))
        );
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (text, pause) in [
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
        assert_eq!(retry::parse_retry_after(text, now), pause.map(Duration::from_secs), "{text:?}");
    }
}

#[test]
fn breaker_probes_with_growing_pauses_until_a_success() {
    let (mut breaker, mut now) = (Breaker::default(), Instant::now());
    for _ in 0..4 {
        assert!(!breaker.record_failure(now, None));
        assert_eq!(breaker.state(now), CircuitState::Closed);
    }
    assert!(breaker.record_failure(now, None), "the fifth failure in a row opens the circuit");
    assert!(!(0..30).any(|_| breaker.record_failure(now, None)), "failures of requests in flight do not count");
    let mut pauses = Vec::new();
    for _ in 0..10 {
        let CircuitState::Open(until) = breaker.state(now) else { panic!("the circuit must be open") };
        pauses.push(until - now);
        now = until;
        assert_eq!(breaker.state(now), CircuitState::HalfOpen);
        assert!(!breaker.record_failure(now, None));
    }
    assert!(pauses.is_sorted() && pauses[0] < SECOND && pauses[9] == 30 * SECOND, "{pauses:?}");
    assert!(breaker.record_success());
    assert_eq!(breaker.state(now), CircuitState::Closed);
    assert!(!breaker.record_failure(now, None), "the count is reset");
}

#[test]
fn breaker_waits_as_long_as_retry_after_requests() {
    let (mut breaker, now) = (Breaker::default(), Instant::now());
    assert!(breaker.record_failure(now, Some(600 * SECOND)));
    assert_eq!(breaker.state(now + 599 * SECOND), CircuitState::Open(now + 600 * SECOND));
    assert_eq!(
        (breaker.state(now + 600 * SECOND), breaker.retry_after(now + 500 * SECOND)),
        (CircuitState::HalfOpen, 100 * SECOND)
    );
    breaker.record_failure(now + SECOND, Some(900 * SECOND));
    assert_eq!(breaker.retry_after(now + SECOND), 900 * SECOND);
}

#[test]
fn client_errors_are_no_outage() {
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
