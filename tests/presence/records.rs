//! The Laravel record: the usual form is read in one go, any other at length, and both say the same.

use presence_sidecar::php::serialize::serialize;
use presence_sidecar::php::{Array, Value};
use presence_sidecar::presence::domain::identity::Meta;
use presence_sidecar::presence::domain::{Record, RecordLookup, Timestamp, ValueForm};
use presence_sidecar::presence::store::record;
use proptest::prelude::*;

use crate::php::round_trips::value;
use crate::support::{bytes, vectors};

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
        assert_eq!(seen(none), RecordLookup::Unreadable(ValueForm::Other));
    }
}

/// The record with this serialized meta.
fn with_meta(meta: &str) -> RecordLookup {
    record::decode(format!("a:2:{{s:12:\"last_seen_at\";i:1772600767;s:4:\"meta\";{meta}}}").as_bytes(), NOW)
}

#[test]
fn value_that_only_the_application_can_read_is_unknown_and_the_rest_is_read() {
    for (meta, json) in [
        // Enums, the same case twice, in a readonly property, in a list.
        (r#"a:2:{s:4:"mood";E:9:"Mood:Good";s:1:"n";i:1;}"#, r#"{"mood":null,"n":1}"#),
        (r#"a:3:{i:0;E:9:"Mood:Good";i:1;r:4;i:2;E:15:"App\Suit:Hearts";}"#, "[null,null,null]"),
        (r#"a:1:{s:1:"p";O:5:"Point":2:{s:1:"x";i:1;s:4:"mood";E:9:"Mood:Good";}}"#, r#"{"p":{"x":1,"mood":null}}"#),
        // A class with a format of its own, whose bytes may be anything.
        (r#"a:2:{s:1:"c";C:2:"C1":7:{a:};"}N}s:1:"n";i:1;}"#, r#"{"c":null,"n":1}"#),
        (
            r#"a:1:{s:2:"at";a:1:{i:0;O:13:"Carbon\Carbon":3:{s:4:"date";s:26:"2026-01-02 03:04:05.600000";s:13:"timezone_type";i:3;s:8:"timezone";s:3:"UTC";}}}"#,
            r#"{"at":["2026-01-02T03:04:05.600000Z"]}"#,
        ),
    ] {
        let RecordLookup::Found(record) = with_meta(meta) else { panic!("{meta} is not read") };
        assert_eq!(record.last_seen, NOW);
        assert_eq!(String::from_utf8_lossy(record.meta.json()), json, "{meta}");
        if !meta.contains("r:4;") {
            assert_eq!(String::from_utf8_lossy(record.meta.php()), meta, "PHP reads it again");
        }
    }
    for wrong in [
        r#"E:9:"Mood:Good""#,
        r#"E:8:"MoodGood";"#,
        r#"E:9:":MoodGood";"#,
        r#"E:9:"MoodGood:";"#,
        r#"E:8:"Mood:Good";"#,
        r#"C:2:"C1":9:{abc}"#,
        r#"C:2:"C1":3:{abcd}"#,
        r#"C:0:"":0:{}"#,
        r#"C:2:"C1":18446744073709551615:{}"#,
    ] {
        assert_eq!(with_meta(wrong), RecordLookup::Unreadable(ValueForm::Other), "{wrong}");
    }
}

#[test]
fn record_that_phpredis_compressed_is_read_and_one_of_another_serializer_is_named() {
    let vectors = vectors("presence-packed.json");
    for case in vectors["cases"].as_array().unwrap() {
        let read = record::decode(&bytes(case), NOW);
        match case["reads"].as_str() {
            Some(plain) => {
                let plain = record::decode(&bytes(&vectors[plain]), NOW);
                assert!(matches!(plain, RecordLookup::Found(_)));
                assert_eq!(read, plain, "{}", case["name"]);
            }
            None => {
                let RecordLookup::Unreadable(form) = read else { panic!("{}: {read:?}", case["name"]) };
                assert_eq!(form.name(), case["unreadable"].as_str().unwrap(), "{}", case["name"]);
            }
        }
    }
}

proptest! {
    #[test]
    fn packed_bytes_that_are_cut_or_changed_never_panic_and_are_no_other_record(
        case in 0..10_usize,
        cut in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let cases = &vectors("presence-packed.json")["cases"];
        let mut packed = bytes(&cases[case]);
        let at = change.index(packed.len());
        packed[at] = byte;
        _ = record::decode(&packed, NOW);
        packed.truncate(cut.index(packed.len()));
        prop_assert!(!matches!(record::decode(&packed, NOW), RecordLookup::Missing));
    }
}

#[test]
fn head_that_announces_gigabytes_reserves_nothing() {
    let huge_zstd = [&[0x28, 0xB5, 0x2F, 0xFD, 0xE0][..], &[0xFF; 7], &[0x0F], &[1, 0, 0]].concat();
    assert_eq!(record::decode(&huge_zstd, NOW), RecordLookup::Unreadable(ValueForm::Zstd));
    let mut huge_lzf = vec![0, b'a'];
    huge_lzf.extend([0xE0, 0xFF, 0].repeat(10_000));
    assert_eq!(record::decode(&huge_lzf, NOW), RecordLookup::Unreadable(ValueForm::Other));
}
