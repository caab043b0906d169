use presence_sidecar::php::Value;
use presence_sidecar::php::json::{DecodeError, EncodeError, Slashes, decode, encode, encode_lossy};
use presence_sidecar::php::serialize::unserialize;

use super::vectors::{array, cases, text};

/// The PHP value of a case, parsed from the subset of `var_export` in the vectors.
fn exported(case: &serde_json::Value) -> Option<Value> {
    let json = case["default"].as_str()?;
    match text(&case["php"]) {
        float if float.parse::<f64>().is_ok() && float.parse::<i64>().is_err() => {
            Some(Value::Float(float.parse().ok()?))
        }
        object if object.starts_with("(object) array(\n)") => unserialize(b"O:8:\"stdClass\":0:{}").ok(),
        object if object.starts_with('\\') => None,
        array if array.contains(".0,") => None,
        _ => decode(json).ok(),
    }
}

#[test]
fn recorded_values_encode_to_the_recorded_text() {
    let mut compared = 0;
    for case in cases("laravel-primitives.json", "json") {
        let Some(value) = exported(&case) else { continue };
        assert_eq!(encode(&value, Slashes::Escaped).as_deref(), Ok(text(&case["default"])), "{}", case["name"]);
        assert_eq!(
            encode(&value, Slashes::Unescaped).as_deref(),
            Ok(text(&case["unescaped_slashes"])),
            "{}",
            case["name"]
        );
        compared += 1;
    }
    assert!(compared > 25, "only {compared} cases");
}

#[test]
fn encode_errors_are_those_of_php() {
    let recorded = cases("laravel-primitives.json", "json");
    let sentence = |name: &str| {
        let case = recorded.iter().find(|case| case["name"] == name).expect("a case");
        text(&case["default_error"]).to_owned()
    };
    let bad = Value::String(b"a\xff".to_vec());
    assert_eq!(encode(&bad, Slashes::Escaped).expect_err("bytes").to_string(), sentence("bad_utf8"));
    assert_eq!(encode(&Value::Float(f64::NAN), Slashes::Escaped).expect_err("NaN").to_string(), sentence("nan"));
    assert_eq!(encode_lossy(&bad, Slashes::Escaped), "\"a\\ufffd\"");
    assert_eq!(encode_lossy(&Value::Float(f64::NAN), Slashes::Escaped), "0");
}

#[test]
fn decode_and_encode_change_the_same_as_php() {
    for case in cases("laravel-primitives.json", "json_decode_encode") {
        let decoded = decode(text(&case["in"]));
        if let Some(error) = case["error"].as_str() {
            assert_eq!(decoded.expect_err("an error").to_string(), error, "{}", case["in"]);
            continue;
        }
        let value = decoded.unwrap_or_else(|error| panic!("{}: {error}", case["in"]));
        assert_eq!(encode(&value, Slashes::Unescaped).as_deref(), Ok(text(&case["out"])), "{}", case["in"]);
    }
}

#[test]
fn nested_float_is_encoded_without_zero_fraction() {
    let value = array([("v", array([(0, Value::Float(1.0)), (1, Value::Float(2.5)), (2, Value::Float(100.0))]))]);
    assert_eq!(encode(&value.into(), Slashes::Escaped).as_deref(), Ok("{\"v\":[1,2.5,100]}"));
}

#[test]
fn malformed_sequences_are_replaced_as_by_php() {
    for (bytes, json) in [
        (&b"a\xe2\x82b"[..], "\"a\\ufffdb\""),
        (b"\xf0\x9f\x98z", "\"\\ufffdz\""),
        (b"\xed\xa0\x80", "\"\\ufffd\""),
        (b"\xc0\x80", "\"\\ufffd\\ufffd\""),
        (b"\xf4\x90\x80\x80", "\"\\ufffd\""),
        (b"\xf8\x88\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""),
        (b"\xe2(\xa1", "\"\\ufffd(\\ufffd\""),
    ] {
        assert_eq!(encode_lossy(&Value::String(bytes.to_vec()), Slashes::Escaped), json, "{bytes:?}");
    }
}

#[test]
fn json_depth_is_limited_as_in_php() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(decode(&nested(511)).is_ok());
    assert_eq!(decode(&nested(512)), Err(DecodeError::Depth));

    let mut value = decode(&nested(511)).expect("a value");
    value = array([(0, value)]).into();
    assert!(encode(&value, Slashes::Escaped).is_ok());
    value = array([(0, value)]).into();
    assert_eq!(encode(&value, Slashes::Escaped), Err(EncodeError::Depth));
    assert!(encode_lossy(&value, Slashes::Escaped).contains("[null]"));
}

#[test]
fn decode_errors_are_those_of_php() {
    for (text, error) in [
        ("", DecodeError::Syntax),
        ("[1,]", DecodeError::Syntax),
        ("{\"a\":1,}", DecodeError::Syntax),
        ("01", DecodeError::Syntax),
        ("1.", DecodeError::Syntax),
        ("True", DecodeError::Syntax),
        ("\"\\x\"", DecodeError::Syntax),
        ("\"\\u12\"", DecodeError::Syntax),
        ("\"a\u{1}\"", DecodeError::ControlCharacter),
        ("\"a", DecodeError::ControlCharacter),
        ("\"\\ud800\"", DecodeError::Surrogate),
    ] {
        assert_eq!(decode(text), Err(error), "{text:?}");
    }
}
