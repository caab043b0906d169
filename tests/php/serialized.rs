use presence_sidecar::php::serialize::{MAX_BYTES, UnserializeError, serialize, unserialize};
use presence_sidecar::php::{Array, Value};

use super::vectors::{array, bytes, cases, numbers_by_value, text};

fn json_view(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).expect("the JSON view never fails")
}

#[test]
fn recorded_values_unserialize_to_the_recorded_json() {
    for case in cases("laravel-primitives.json", "serialize") {
        let value =
            unserialize(&bytes(&case["serialized"])).unwrap_or_else(|error| panic!("{}: {error}", case["name"]));
        let encoded =
            presence_sidecar::php::json::encode_lossy(&value, presence_sidecar::php::json::Slashes::Unescaped);
        let encoded: serde_json::Value = serde_json::from_str(&encoded).expect("JSON");
        let recorded: serde_json::Value = serde_json::from_str(text(&case["json"])).expect("JSON");
        assert_eq!(numbers_by_value(&encoded), numbers_by_value(&recorded), "{}", case["name"]);
    }
}

#[test]
fn recorded_values_serialize_to_the_same_bytes() {
    for case in cases("laravel-primitives.json", "serialize") {
        let recorded = bytes(&case["serialized"]);
        // A shared object is unserialized as two objects.
        if recorded.windows(3).any(|window| window == b";r:") {
            continue;
        }
        let value = unserialize(&recorded).expect("a value");
        assert_eq!(serialize(&value), recorded, "{}", case["name"]);
    }
}

#[test]
fn recorded_json_arrays_serialize_as_by_php() {
    for case in cases("laravel-primitives.json", "serialize") {
        let recorded = bytes(&case["serialized"]);
        let from_elsewhere =
            [&b"O:"[..], b"NAN", b"INF"].iter().any(|kind| recorded.windows(kind.len()).any(|window| window == *kind));
        if from_elsewhere || case["serialized"].get("text").is_none() {
            continue;
        }
        let from_json: Value = serde_json::from_str(text(&case["json"])).expect("JSON");
        assert_eq!(serialize(&from_json), recorded, "{}", case["name"]);
    }
}

#[test]
fn unserialize_accepts_and_rejects_the_same_as_php() {
    for case in cases("laravel-primitives.json", "unserialize") {
        let input = bytes(&case["in"]);
        let read = unserialize(&input);
        // PHP rejects the enum because the recorded application does not have it; only an application knows its own.
        if input.starts_with(b"E:") {
            assert_eq!(read, Ok(Value::Opaque(input)));
            continue;
        }
        assert_eq!(read.is_ok(), case["ok"].as_bool().expect("ok"), "{}: {read:?}", case["in"]);
        if let Ok(value) = read {
            let encoded =
                presence_sidecar::php::json::encode_lossy(&value, presence_sidecar::php::json::Slashes::Unescaped);
            let encoded: serde_json::Value = serde_json::from_str(&encoded).expect("JSON");
            let recorded: serde_json::Value = serde_json::from_str(text(&case["json"])).expect("JSON");
            assert_eq!(numbers_by_value(&encoded), numbers_by_value(&recorded), "{}", case["in"]);
        }
    }
}

#[test]
fn unserialize_is_as_lenient_as_php() {
    for (text, expected) in [
        ("i:+5;", Value::Int(5)),
        ("i:99999999999999999999;", Value::Int(i64::MAX)),
        ("d:1.;", Value::Float(1.0)),
        ("d:1E+3;", Value::Float(1000.0)),
        ("s:01:\"a\";", Value::from("a")),
        ("a:01:{i:0;N;}", array([(0, Value::Null)]).into()),
        ("a:1:{S:1:\"\\61\";N;}", array([("a", Value::Null)]).into()),
        ("a:1:{s:1:\"5\";N;}", array([(5, Value::Null)]).into()),
        ("b:1;garbage", Value::Bool(true)),
    ] {
        assert_eq!(unserialize(text.as_bytes()), Ok(expected), "{text}");
    }
    for text in
        ["", "N", "d:.;", "d:5e;", "d:nan;", "d:+INF;", "s:-1:\"\";", "a:-1:{}", "O:0:\"\":0:{}", "O:3:\"F-o\":0:{}"]
    {
        assert!(unserialize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn references_are_copies_of_their_target() {
    let read = unserialize(b"a:3:{i:0;s:1:\"x\";i:1;a:1:{i:0;i:7;}i:2;R:3;}").expect("a value");
    let inner: Array = array([(0, 7)]);
    assert_eq!(read, array([(0, Value::from("x")), (1, inner.clone().into()), (2, inner.into())]).into());
    // `R` gets no number, `r` does, and keys get none.
    let read = unserialize(b"a:4:{i:0;O:8:\"stdClass\":0:{}i:1;r:2;s:1:\"k\";i:5;i:3;R:4;}").expect("a value");
    assert_eq!(json_view(&read), serde_json::json!({"0": [], "1": [], "k": 5, "3": 5}));
}

#[test]
fn value_that_contains_itself_is_rejected() {
    for text in ["a:1:{i:0;R:1;}", "O:8:\"stdClass\":1:{s:1:\"a\";r:1;}", "a:1:{i:0;a:1:{i:0;R:2;}}", "r:1;", "R:1;"] {
        assert!(unserialize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn references_cannot_exceed_the_size_limit() {
    // Each array contains the one before it ten times.
    let mut text = "a:12:{i:0;a:2:{i:0;N;i:1;N;}".to_owned();
    let mut slot = 2;
    for level in 1..12 {
        let copies = (0..10).fold(String::new(), |copies, i| copies + &format!("i:{i};R:{slot};"));
        text = format!("{text}i:{level};a:10:{{{copies}}}");
        // The numbers of the first array and its two elements precede those of the next.
        slot += if level == 1 { 3 } else { 1 };
    }
    text.push('}');
    assert_eq!(unserialize(text.as_bytes()), Err(UnserializeError::TooLarge));

    let long = "x".repeat(100_000);
    let copies = (1..101).fold(String::new(), |copies, i| copies + &format!("i:{i};R:2;"));
    let text = format!("a:101:{{i:0;s:100000:\"{long}\";{copies}}}");
    assert_eq!(unserialize(text.as_bytes()), Err(UnserializeError::TooLarge));
}

#[test]
fn long_chain_of_references_is_rejected() {
    let links = (1..5000).fold(String::new(), |links, i| links + &format!("i:{i};r:{};", i + 1));
    let text = format!("a:5000:{{i:0;O:8:\"stdClass\":0:{{}}{links}}}");
    assert_eq!(unserialize(text.as_bytes()), Err(UnserializeError::TooDeep));
}

#[test]
fn unserialize_limits_depth_and_size() {
    let nested = |depth: usize| format!("{}N;{}", "a:1:{i:0;".repeat(depth), "}".repeat(depth));
    assert!(unserialize(nested(512).as_bytes()).is_ok());
    assert_eq!(unserialize(nested(513).as_bytes()), Err(UnserializeError::TooDeep));
    let huge = format!("s:{MAX_BYTES}:\"{}\";", "x".repeat(MAX_BYTES));
    assert_eq!(unserialize(huge.as_bytes()), Err(UnserializeError::TooLarge));
    // A length in the input does not decide the capacity.
    assert!(unserialize(b"a:999999999:{i:0;N;}").is_err());
}

#[test]
fn list_of_the_maximum_size_is_accepted() {
    let elements = (MAX_BYTES - 20) / 12;
    let list = (0..elements).fold(String::new(), |list, i| list + &format!("i:{i};N;"));
    let text = format!("a:{elements}:{{{list}}}");
    assert!(text.len() < MAX_BYTES);
    assert!(unserialize(text.as_bytes()).is_ok());
}
