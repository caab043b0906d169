use presence_sidecar::php::Value;
use presence_sidecar::php::serialize::{serialize, unserialize};
use presence_sidecar::php::transcode::{from_json, from_php};
use proptest::prelude::*;
use proptest::sample::Index;

use super::round_trips::{json_value, value};

const COMMON: [(&str, &str); 8] = [
    ("{}", "a:0:{}"),
    ("[]", "a:0:{}"),
    (r#"{"device":"phone","n":-7}"#, r#"a:2:{s:6:"device";s:5:"phone";s:1:"n";i:-7;}"#),
    (r#"[null,true,false,0.5]"#, "a:4:{i:0;N;i:1;b:1;i:2;b:0;i:3;d:0.5;}"),
    (r#"{"a":{"b":[["é"]]}}"#, r#"a:1:{s:1:"a";a:1:{s:1:"b";a:1:{i:0;a:1:{i:0;s:2:"é";}}}}"#),
    (r#"{"5":"","-1":"\"\\/\u0001"}"#, "a:2:{i:5;s:0:\"\";i:-1;s:4:\"\"\\/\u{1}\";}"),
    (
        "[0,1,2,3,4,5,6,7,8,9]",
        "a:10:{i:0;i:0;i:1;i:1;i:2;i:2;i:3;i:3;i:4;i:4;i:5;i:5;i:6;i:6;i:7;i:7;i:8;i:8;i:9;i:9;}",
    ),
    (r#"{"lat":48.8566,"far":1.5e+300}"#, "a:2:{s:3:\"lat\";d:48.8566;s:3:\"far\";d:1.5E+300;}"),
];

/// The general conversion to JSON.
fn json_form(php: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&unserialize(php).expect("a value that PHP serialized")).expect("the JSON form never fails")
}

fn transcoded(php: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut out = b"kept".to_vec();
    match from_php(php, &mut out) {
        Some(length) => Some((length, out.split_off(4))),
        None => {
            assert_eq!(out, b"kept", "the output is unchanged");
            None
        }
    }
}

/// Compares the fast path with the general conversion; returns whether the fast path supports the input.
fn assert_from_php(bytes: &[u8]) -> bool {
    let Some((length, json)) = transcoded(bytes) else { return false };
    assert_eq!(json, json_form(bytes));
    assert_eq!(serialize(&unserialize(bytes).expect("read above")), &bytes[..length]);
    true
}

fn assert_from_json(text: &str) -> bool {
    let Some((php, json)) = from_json(text) else { return false };
    let value: Value = serde_json::from_str(text).expect("supported input is JSON");
    assert_eq!(php, serialize(&value), "{text}");
    assert_eq!(json, serde_json::to_vec(&value).expect("the JSON form never fails"), "{text}");
    true
}

#[test]
fn fast_path_supports_common_input() {
    for (json, php) in COMMON {
        let mut escaped = Vec::new();
        assert_eq!(from_php(php.as_bytes(), &mut escaped), Some(php.len()), "{php}");
        let (again, normal) = from_json(json).expect(json);
        assert_eq!((String::from_utf8_lossy(&again).as_ref(), &normal), (php, &escaped));
        assert!(assert_from_php(php.as_bytes()) && assert_from_json(json), "{json}");
    }
    for json in ["[ ]", " {\"a\" :\t1 ,\r\n\"b\": [ 2 , {} ] } ", r#"{"ua":"Mozilla\/5.0 \ud83d\ude00"}"#] {
        assert!(assert_from_json(json), "{json}");
    }
}

#[test]
fn fast_path_returns_none_for_other_input() {
    let deep = |open: &str, close: &str| [open.repeat(40), close.repeat(40)].concat();
    let wide = format!("{{{}}}", (1..=20).map(|name| format!("\"{name}\":0")).collect::<Vec<_>>().join(","));
    let texts = [
        "",
        "1",
        "\"a\"",
        "[",
        "[1",
        "[1,]",
        "[,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "[1]]",
        "[1}",
        "{\"a\":1]",
        "[01]",
        "[-0]",
        "[1.]",
        "[+1]",
        "[1e999]",
        "[9223372036854775807]",
        "[nul]",
        "[\"a]",
        "[\"\\x\"]",
        "[\"\\ud800\"]",
        "[\"\n\"]",
        "{\"a\":1,\"a\":2}",
        "{\"\\u0061\":1}",
        "{\"0\":1}",
    ];
    for text in texts.map(str::to_owned).into_iter().chain([deep("[", "]"), wide]) {
        assert_eq!(from_json(&text), None, "{text}");
    }
    let serialized: [&[u8]; 22] = [
        b"",
        b"N;",
        b"a:",
        b"a:1:{i:0;N;",
        b"a:1:{i:1;N;i:2;N;}",
        b"a:2:{i:0;N;i:2;N;}",
        b"a:01:{i:0;N;}",
        b"a:1:{i:00;N;}",
        b"a:1:{i:0;i:-0;}",
        b"a:1:{i:0;i:+1;}",
        b"a:1:{i:0;i:9223372036854775807;}",
        b"a:1:{i:0;d:0.50;}",
        b"a:1:{i:0;d:x;}",
        b"a:1:{i:0;b:2;}",
        b"a:1:{i:0;s:1:\"\xff\";}",
        b"a:1:{i:0;s:2:\"a\";}",
        b"a:1:{s:1:\"5\";N;}",
        b"a:1:{N;N;}",
        b"a:2:{s:1:\"a\";N;s:1:\"a\";N;}",
        b"a:1:{i:0;O:8:\"stdClass\":0:{}}",
        b"a:2:{i:0;a:0:{}i:1;R:2;}",
        b"a:99999999:{}",
    ];
    for bytes in serialized {
        assert_eq!(transcoded(bytes), None, "{}", String::from_utf8_lossy(bytes));
    }
    let mut nested = Value::Null;
    for _ in 0..40 {
        nested = Value::Array([(0_i64, nested)].into_iter().collect());
    }
    assert_eq!(transcoded(&serialize(&nested)), None);
}

proptest! {
    #[test]
    fn from_php_agrees_with_the_general_conversion(value in value(), behind in ".{0,3}") {
        assert_from_php(&[serialize(&value), behind.into_bytes()].concat());
    }

    #[test]
    fn from_php_agrees_on_damaged_input(value in json_value(), place in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = serialize(&value);
        let place = place.index(bytes.len());
        if cut { bytes.remove(place); } else { bytes[place] = byte; }
        assert_from_php(&bytes);
    }

    #[test]
    fn from_json_agrees_with_the_general_conversion(value in json_value(), pretty in any::<bool>()) {
        let write = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
        assert_from_json(&write(&value).expect("the JSON form never fails"));
    }

    #[test]
    fn from_json_agrees_on_damaged_input(value in json_value(), place in any::<Index>(), byte in 0..128_u8, cut in any::<bool>()) {
        let mut bytes = serde_json::to_vec(&value).expect("the JSON form never fails");
        let place = place.index(bytes.len());
        if cut { bytes.remove(place); } else { bytes[place] = byte; }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            assert_from_json(text);
        }
    }
}
