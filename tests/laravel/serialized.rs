use presence_sidecar::php::serialize::{MAX_BYTES, UnserializeError, serialize, unserialize};
use presence_sidecar::php::{Array, Value};

use super::vectors::{array, bytes, cases, numbers_by_value, text};

fn json_view(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).expect("the JSON view never fails")
}

#[test]
fn what_php_serialized_reads_back_as_the_recorded_json() {
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
fn what_php_serialized_is_written_back_byte_for_byte() {
    for case in cases("laravel-primitives.json", "serialize") {
        let recorded = bytes(&case["serialized"]);
        // A shared object is read as two.
        if recorded.windows(3).any(|window| window == b";r:") {
            continue;
        }
        let value = unserialize(&recorded).expect("a value");
        assert_eq!(serialize(&value), recorded, "{}", case["name"]);
    }
}

#[test]
fn json_of_the_recorded_arrays_serializes_as_php_serialized_them() {
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
fn unserialize_accepts_and_refuses_what_php_does() {
    for case in cases("laravel-primitives.json", "unserialize") {
        let read = unserialize(&bytes(&case["in"]));
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
fn php_s_leniencies_are_shared() {
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
fn references_are_copies_of_the_value_they_name() {
    let read = unserialize(b"a:3:{i:0;s:1:\"x\";i:1;a:1:{i:0;i:7;}i:2;R:3;}").expect("a value");
    let inner: Array = array([(0, 7)]);
    assert_eq!(read, array([(0, Value::from("x")), (1, inner.clone().into()), (2, inner.into())]).into());
    // `R` takes no number, `r` does, and keys take none.
    let read = unserialize(b"a:4:{i:0;O:8:\"stdClass\":0:{}i:1;r:2;s:1:\"k\";i:5;i:3;R:4;}").expect("a value");
    assert_eq!(json_view(&read), serde_json::json!({"0": [], "1": [], "k": 5, "3": 5}));
}

#[test]
fn a_value_inside_itself_is_refused() {
    for text in ["a:1:{i:0;R:1;}", "O:8:\"stdClass\":1:{s:1:\"a\";r:1;}", "a:1:{i:0;a:1:{i:0;R:2;}}", "r:1;", "R:1;"] {
        assert!(unserialize(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn references_cannot_multiply_a_value_beyond_the_limit() {
    // Each array holds the one before it ten times over.
    let mut text = "a:12:{i:0;a:2:{i:0;N;i:1;N;}".to_owned();
    let mut slot = 2;
    for level in 1..12 {
        let copies = (0..10).fold(String::new(), |copies, i| copies + &format!("i:{i};R:{slot};"));
        text = format!("{text}i:{level};a:10:{{{copies}}}");
        // The numbers of the first array and its two elements lie before those of the next.
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
fn a_long_chain_of_references_is_refused() {
    let links = (1..5000).fold(String::new(), |links, i| links + &format!("i:{i};r:{};", i + 1));
    let text = format!("a:5000:{{i:0;O:8:\"stdClass\":0:{{}}{links}}}");
    assert_eq!(unserialize(text.as_bytes()), Err(UnserializeError::TooDeep));
}

#[test]
fn depth_and_size_are_limited() {
    let nested = |depth: usize| format!("{}N;{}", "a:1:{i:0;".repeat(depth), "}".repeat(depth));
    assert!(unserialize(nested(512).as_bytes()).is_ok());
    assert_eq!(unserialize(nested(513).as_bytes()), Err(UnserializeError::TooDeep));
    let huge = format!("s:{MAX_BYTES}:\"{}\";", "x".repeat(MAX_BYTES));
    assert_eq!(unserialize(huge.as_bytes()), Err(UnserializeError::TooLarge));
    // A length is not believed.
    assert!(unserialize(b"a:999999999:{i:0;N;}").is_err());
}

#[test]
fn a_full_list_of_the_greatest_size_is_read() {
    let elements = (MAX_BYTES - 20) / 12;
    let list = (0..elements).fold(String::new(), |list, i| list + &format!("i:{i};N;"));
    let text = format!("a:{elements}:{{{list}}}");
    assert!(text.len() < MAX_BYTES);
    assert!(unserialize(text.as_bytes()).is_ok());
}
