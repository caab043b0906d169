//! Ids, cursors, integers, fingerprints and times.

use presence_sidecar::messaging::domain::{ClientId, Fingerprint, MessageTime, PollCursor, is_online, parse_integer};
use presence_sidecar::php::{date, json};

use super::recorded::{exchanges, named};
use crate::support::vectors;

#[test]
fn client_id_accepts_the_uuids_of_laravel() {
    for case in vectors("laravel-primitives.json")["is_uuid"].as_array().unwrap() {
        assert_eq!(ClientId::parse(case["in"].as_str().unwrap()).is_some(), case["ok"] == true, "{case}");
    }
    assert_eq!(ClientId::parse(ClientId::generate().as_str()).unwrap().as_str().len(), 36);
    assert!(ClientId::parse("ÿ1111111-1111-4111-8111-1111111111").is_none());
}

#[test]
fn cursor_selects_the_messages_of_the_reference_server() {
    let mut compared = 0;
    for exchange in exchanges() {
        let name = exchange["name"].as_str().unwrap();
        let Some(text) = name.strip_prefix("state:poll_cursor_").and_then(|rest| rest.strip_suffix("_ids")) else {
            continue;
        };
        if text == "array" {
            continue;
        }
        // The client has the messages 4 to 62, and has acknowledged none.
        let after = match PollCursor::parse(text) {
            PollCursor::Acknowledged => 0,
            PollCursor::After(id) => id,
        };
        let selected = (4..=62).filter(|id| *id > after).collect::<Vec<i64>>();
        assert_eq!(exchange["first"].as_i64(), selected.first().copied(), "{text}");
        assert_eq!(exchange["count"], selected.len().min(50), "{text}");
        compared += 1;
    }
    assert!(compared > 6, "only {compared}");
    assert_eq!(PollCursor::parse(" "), PollCursor::Acknowledged);
    assert_eq!(PollCursor::parse("+7"), PollCursor::After(7));
    assert_eq!(PollCursor::parse("inf"), PollCursor::After(i64::MAX));
}

#[test]
fn parse_integer_accepts_the_integers_of_laravel() {
    let read = |text: &str| parse_integer(&json::decode(text).unwrap());
    for exchange in exchanges() {
        let name = exchange["name"].as_str().unwrap();
        let body = super::recorded::body(&exchange);
        if name.starts_with("ack_") && !body["last_received_id"].is_null() {
            let integer = read(&exchange_field(&exchange));
            let error = exchange["response"]["json"]["message"].as_str().unwrap_or_default();
            assert_eq!(integer.is_none(), error.ends_with("must be an integer."), "{name}");
        }
    }
    for (text, number) in [
        ("\"07\"", None),
        ("\"0\"", Some(0)),
        ("\"-3\"", Some(-3)),
        ("1e3", Some(1000)),
        ("1.5", None),
        ("99999999999999.0", Some(99_999_999_999_999)),
        ("99999999999999.9", None),
        ("-1e14", None),
        ("1e14", None),
        ("1e15", None),
        ("7.000000000000001", Some(7)),
        ("\"7\u{a0}\"", Some(7)),
        ("\"\"", None),
        ("\"9223372036854775808\"", None),
    ] {
        assert_eq!(read(text), number, "{text}");
    }
}

fn exchange_field(exchange: &serde_json::Value) -> String {
    let body = exchange["request"]["body"].as_str().unwrap();
    let field = body.split_once("\"last_received_id\":").unwrap().1;
    field.split_once(",\"client_id\"").map_or_else(|| field.trim_end_matches('}'), |(field, _)| field).to_owned()
}

#[test]
fn fingerprint_is_trimmed_and_compared_byte_for_byte() {
    for name in ["register_first", "register_trimmed_fingerprint", "register_nbsp_fingerprint"] {
        let body = super::recorded::body(&named(name));
        assert!(Fingerprint::new(body["fingerprint"].as_str().unwrap()).unwrap().matches("fp-beta"), "{name}");
    }
    assert!(Fingerprint::new(" \u{200b} ").is_none());
    let beta = Fingerprint::new("fp-beta").unwrap();
    assert!(!beta.matches("FP-BETA") && !beta.matches("fp-bëta") && !beta.matches("fp-beta "));
}

#[test]
fn client_is_online_for_two_minutes() {
    let second = 1_000_000;
    assert!(is_online(0, 119 * second) && is_online(0, 120 * second));
    assert!(!is_online(0, 121 * second));
    assert!(is_online(5, 0), "a clock that was set back does not make clients offline");
}

#[test]
fn message_time_equals_the_time_read_from_its_row_also_in_a_repeated_hour() {
    for (zone, last_hour_of_summer) in [
        (chrono_tz::Europe::Berlin, "2026-10-25T02:30:00+02:00"),
        (chrono_tz::Australia::Sydney, "2026-04-05T02:30:00+11:00"),
        (chrono_tz::America::New_York, "2026-11-01T01:30:00-04:00"),
    ] {
        let first = date::parse(last_hour_of_summer, 0).unwrap().micros;
        for micros in [first, first + 3_600_000_000] {
            let time = MessageTime::at(micros, zone);
            let read = date::from_database(&time.stored, zone).unwrap();
            assert_eq!(time.iso8601, date::iso8601(read, zone));
            assert_eq!(time.micros, micros);
        }
    }
}
