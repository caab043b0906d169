use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use presence_sidecar::php::json::{Slashes, encode};
use presence_sidecar::php::serialize::{serialize, unserialize};
use presence_sidecar::php::{Array, ArrayKey, Value};

use super::vectors::{array, bytes, cases, file, numbers_by_value, text};

fn stored_meta(value: &Value) -> serde_json::Value {
    let meta = value.as_array().and_then(|record| record.get("meta")).expect("meta");
    serde_json::to_value(meta).expect("the JSON view never fails")
}

#[test]
fn recorded_meta_has_the_json_of_laravel() {
    for case in cases("presence-values.json", "cases") {
        let value = unserialize(&bytes(&case["redis_value"])).expect("a record");
        let status = match &case["status_json"] {
            serde_json::Value::String(json) => serde_json::from_str(json).expect("JSON"),
            status => status.clone(),
        };
        let (shown, recorded) = (numbers_by_value(&stored_meta(&value)), numbers_by_value(&status["meta"]));
        assert_eq!(shown, recorded, "{}", case["name"]);
        assert_eq!(shown.to_string(), recorded.to_string(), "the order of {}", case["name"]);
    }
}

#[test]
fn recorded_records_serialize_to_the_same_bytes() {
    for case in cases("presence-values.json", "cases") {
        let recorded = bytes(&case["redis_value"]);
        assert_eq!(serialize(&unserialize(&recorded).expect("a record")), recorded, "{}", case["name"]);
    }
    for case in cases("presence-cache-table.json", "cases") {
        for row in case["rows"].as_array().expect("rows") {
            let mut recorded = bytes(&row["value"]);
            if row["value_is_base64_wrapped"] == true {
                recorded = STANDARD.decode(recorded).expect("base64");
            }
            assert_eq!(serialize(&unserialize(&recorded).expect("a record")), recorded, "{}", case["name"]);
        }
    }
}

#[test]
fn request_meta_is_stored_as_by_laravel() {
    let path = format!("{}/tests/vectors/presence-values.json", env!("CARGO_MANIFEST_DIR"));
    // The whole file as PHP values, so that meta is parsed as in a request.
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("vectors")).expect("JSON");
    let cases = file.as_array().and_then(|file| file.get("cases")).and_then(Value::as_array).expect("cases");
    for (_, case) in cases {
        let case = case.as_array().expect("a case");
        let name = case.get("name").and_then(Value::as_str).expect("a name");
        let stored = case.get("redis_value").and_then(Value::as_array).expect("a value");
        let (Some(stored), false) = (stored.get("text").and_then(Value::as_bytes), name.contains("timezone")) else {
            continue;
        };
        if stored.windows(2).any(|window| window == b"O:") {
            continue;
        }
        let record = array([
            ("last_seen_at", Value::from("2026-03-04T05:06:07+00:00")),
            ("meta", case.get("meta_json").expect("meta").clone()),
        ]);
        assert_eq!(serialize(&record.into()), stored, "{name}");
    }
}

#[test]
fn foreign_values_never_panic() {
    for case in file("presence-reads.json")["cases"].as_array().expect("cases") {
        if let Some(stored) = case["stored"].as_str() {
            let readable = unserialize(stored.as_bytes()).is_ok();
            assert_eq!(readable, !matches!(stored, "5" | "1.5" | "garbage"), "{}", case["name"]);
        }
    }
}

#[test]
fn integer_keys_are_normalized_as_in_php() {
    for (text, number) in
        [("0", 0), ("5", 5), ("-5", -5), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
    {
        assert_eq!(ArrayKey::from(text), ArrayKey::Int(number));
    }
    for text in ["", "05", "-0", "+5", " 1", "1 ", "1.5", "1e3", "-", "9223372036854775808", "-9223372036854775809"] {
        assert_eq!(ArrayKey::from(text), ArrayKey::String(text.into()));
    }
}

#[test]
fn duplicate_key_keeps_its_position_and_gets_the_last_value() {
    let read: Array = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).expect("an object");
    assert_eq!(read, array([("a", 3), ("b", 2)]));
    assert_ne!(read, array([("b", 2), ("a", 3)]), "order is part of a value");
    assert_eq!(read.get("a"), Some(&Value::Int(3)));
}

#[test]
fn meta_must_be_an_object_or_an_array() {
    for text in ["1", "null", "\"x\"", "true", "1.5"] {
        let error = serde_json::from_str::<Array>(text).expect_err(text).to_string();
        assert!(error.contains("must be an object or an array"), "{error}");
    }
    assert!(serde_json::from_str::<Array>("{}").expect("an object").is_empty());
}

#[test]
fn objects_have_the_json_of_their_class() {
    let carbon = |class: &str, kind: u8, zone: &str| {
        format!(
            "O:{}:\"{class}\":3:{{s:4:\"date\";s:26:\"2026-01-02 03:04:05.600000\";s:13:\"timezone_type\";i:{kind};s:8:\"timezone\";s:{}:\"{zone}\";}}",
            class.len(),
            zone.len()
        )
    };
    let cases = [
        (carbon("Carbon\\CarbonImmutable", 3, "Europe/Paris"), "\"2026-01-02T02:04:05.600000Z\""),
        (carbon("Carbon\\Carbon", 1, "-03:30"), "\"2026-01-02T06:34:05.600000Z\""),
        (carbon("Illuminate\\Support\\Carbon", 2, "EST"), "\"2026-01-02T08:04:05.600000Z\""),
        (carbon("Carbon\\Carbon", 3, "UTC"), "\"2026-01-02T03:04:05.600000Z\""),
        ("O:8:\"stdClass\":0:{}".to_owned(), "{}"),
        ("O:8:\"stdClass\":2:{s:4:\"\0*\0x\";i:1;s:1:\"y\";i:2;}".to_owned(), "{\"y\":2}"),
        ("O:3:\"Foo\":1:{s:1:\"a\";i:1;}".to_owned(), "{\"__PHP_Incomplete_Class_Name\":\"Foo\",\"a\":1}"),
        (
            "O:11:\"ArrayObject\":4:{i:0;i:0;i:1;a:2:{i:0;i:1;i:1;i:2;}i:2;a:0:{}i:3;N;}".to_owned(),
            "{\"0\":1,\"1\":2}",
        ),
        (
            "O:11:\"ArrayObject\":4:{i:0;i:1;i:1;a:1:{i:0;i:1;}i:2;a:1:{s:1:\"x\";i:5;}i:3;N;}".to_owned(),
            "{\"x\":5}",
        ),
        (
            "O:29:\"Illuminate\\Support\\Collection\":2:{s:8:\"\0*\0items\";a:1:{i:0;i:1;}s:28:\"\0*\0escapeWhenCastingToString\";b:0;}"
                .to_owned(),
            "[1]",
        ),
    ];
    for (serialized, json) in cases {
        let value = unserialize(serialized.as_bytes()).unwrap_or_else(|error| panic!("{serialized}: {error}"));
        assert_eq!(encode(&value, Slashes::Escaped).as_deref(), Ok(json), "{serialized}");
        assert_eq!(serialize(&value), serialized.as_bytes());
    }
}

#[test]
fn invalid_date_object_has_the_json_of_its_properties() {
    let value = unserialize(b"O:13:\"Carbon\\Carbon\":1:{s:4:\"date\";s:3:\"???\";}").expect("an object");
    assert_eq!(text(&serde_json::to_value(&value).expect("JSON")["date"]), "???");
}
