//! The Laravel record: the usual form is read in one go, any other at length, and both say the same.

use presence_sidecar::php::serialize::serialize;
use presence_sidecar::php::{Array, Value};
use presence_sidecar::presence::domain::identity::Meta;
use presence_sidecar::presence::domain::{Record, RecordLookup, Timestamp};
use presence_sidecar::presence::store::record;
use proptest::prelude::*;

use crate::php::round_trips::value;

const NOW: Timestamp = Timestamp::from_secs(1_772_600_767);

fn read<const N: usize>(entries: [(&str, Value); N]) -> RecordLookup {
    record::decode(&serialize(&Value::Array(Array::from_iter(entries))), NOW)
}

proptest! {
    #[test]
    fn record_says_the_same_in_any_order_of_its_entries(
        meta in value(),
        idle in any::<bool>(),
        date in "2026-03-04T05:06:0[0-9][+]0[0-9]:00|2026-03-04 05:06:07 Europ|.{25}",
    ) {
        let [date, mark] = [Value::from(date), Value::Bool(idle)];
        let usual = if idle {
            read([("last_seen_at", date.clone()), ("meta", meta.clone()), ("idle", mark.clone())])
        } else {
            read([("last_seen_at", date.clone()), ("meta", meta.clone())])
        };
        prop_assert_eq!(usual, read([("idle", mark), ("meta", meta), ("last_seen_at", date)]));
    }

    #[test]
    fn record_reads_back_as_it_was_written(meta in value(), idle in any::<bool>()) {
        // `null` is no meta.
        let meta = if meta == Value::Null { Meta::default() } else { meta.into() };
        let record = Record { last_seen: NOW, idle, meta };
        prop_assert_eq!(record::decode(&record::encode(&record, chrono_tz::Tz::Europe__Paris), NOW), RecordLookup::Found(record));
    }
}

#[test]
fn meta_as_deep_as_php_has_them_is_read_wherever_it_was_written() {
    let nested = (0..500).fold(Value::from("deep"), |inner, _| Value::Array(Array::from_iter([("in", inner)])));
    let RecordLookup::Found(record) = read([("last_seen_at", "2026-03-04T05:06:07+00:00".into()), ("meta", nested)])
    else {
        panic!("a record");
    };
    let json = serde_json::to_string(&record.meta).unwrap();
    assert_eq!(serde_json::from_str::<Meta>(&json).unwrap(), record.meta);
    assert_eq!(Meta::from_json(&json).unwrap(), record.meta);
    assert_eq!(record::decode(&record::encode(&record, chrono_tz::Tz::UTC), NOW), RecordLookup::Found(record));
}

#[test]
fn time_that_php_has_as_a_float_is_read_to_the_microsecond() {
    let seen = |seconds: f64| read([("last_seen_at", Value::Float(seconds))]);
    let RecordLookup::Found(record) = seen(1_772_600_707.25) else { panic!("a record") };
    assert_eq!(record.last_seen, Timestamp::from_micros(1_772_600_707_250_000));
    for none in [f64::NAN, f64::NEG_INFINITY, 1e300] {
        assert_eq!(seen(none), RecordLookup::Unreadable);
    }
}
