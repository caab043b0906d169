//! Encryption compatible with PHP, and the AADs that are accepted.

use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::seal::{OpenError, SealKey, Sealed, aad, generate_token};
use presence_sidecar::php::{base64, json};
use serde_json::Value;

use super::recorded::{body, exchanges, named};
use crate::support::vectors;

fn key(token: &Value) -> SealKey {
    SealKey::parse(token.as_str().unwrap()).unwrap()
}

fn sealed(fields: &Value) -> Sealed {
    let field = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
    Sealed { ciphertext: field("ciphertext"), nonce: field("nonce"), tag: field("tag") }
}

#[test]
fn open_decrypts_php_messages_for_any_key_length() {
    let recorded = &vectors("laravel-primitives.json")["encryption_service"];
    for case in recorded["cases"].as_array().unwrap() {
        let (key, aad) = (key(&case["key"]), case["aad_json"].as_str().unwrap());
        let opened = key.open(&sealed(case), &[aad]).unwrap();
        assert_eq!(opened.as_slice(), case["payload_json"].as_str().unwrap().as_bytes());
        let again = key.seal(&opened, aad);
        assert_eq!(key.open(&again, &[aad]).unwrap(), opened);
        assert_ne!(again.nonce, case["nonce"].as_str().unwrap());
        assert_eq!(key.open(&again, &["", "{}"]), Err(OpenError::Altered));
    }
}

#[test]
fn open_refuses_short_tags_and_nonces_that_php_accepts() {
    for case in vectors("laravel-primitives.json")["encryption_service"]["errors"].as_array().unwrap() {
        let [token, ciphertext, nonce, tag] =
            [0, 1, 2, 3].map(|place| case["args"][place].as_str().unwrap().to_owned());
        let name = case["name"].as_str().unwrap();
        let Some(key) = SealKey::parse(&token) else {
            assert_eq!(name, "bad_key_encoding");
            continue;
        };
        let opened = key.open(&Sealed { ciphertext, nonce, tag }, &["{\"x\":1}"]);
        match name {
            "empty_nonce" => assert_eq!(opened, Err(OpenError::Nonce)),
            "empty_tag" | "tag_4" | "tag_3" | "tag_1" => assert_eq!(opened, Err(OpenError::Tag), "{name}"),
            _ => assert_eq!(opened.unwrap().as_slice(), b"{\"a\":1}", "{name}"),
        }
    }
}

/// Whether a recorded message of a client opens with its key.
fn opens(exchange: &Value, key: &SealKey) -> bool {
    let text = exchange["request"]["body"].as_str().unwrap();
    let fields: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    let raw: std::collections::HashMap<String, Box<serde_json::value::RawValue>> = serde_json::from_str(text).unwrap();
    let aad = raw.get("aad").map(|raw| (json::decode(raw.get()).unwrap(), raw.get()));
    let candidates = aad::candidates(aad.as_ref().map(|(value, text)| (value, *text)));
    key.open(&sealed(&Value::Object(fields)), &candidates).is_ok()
}

#[test]
fn recorded_client_messages_open_with_one_of_the_aad_candidates() {
    let credentials = &named("register_first")["response"]["json"];
    let key = key(&credentials["personal_token"]);
    let mut accepted = 0;
    for exchange in exchanges() {
        let name = exchange["name"].as_str().unwrap();
        if exchange["request"]["headers"]["X-Client-Id"] != credentials["client_id"] || !name.starts_with("send_") {
            continue;
        }
        if body(&exchange)["tag"].as_str().is_none_or(str::is_empty) || body(&exchange)["aad"].is_string() {
            continue;
        }
        let expected = match name {
            "send_bad_aad" | "send_bad_tag" | "send_bad_base64" => false,
            "send_nonce_16" | "send_nonce_8" => false,
            name => !name.starts_with("send_tag_truncated"),
        };
        assert_eq!(opens(&exchange, &key), expected, "{name}");
        accepted += usize::from(expected);
        assert!(expected || exchange["response"]["status"] == 500 || name.contains("nonce") || name.contains("trunc"));
    }
    assert!(accepted > 20, "only {accepted}");
}

#[test]
fn messages_of_the_reference_server_open_with_their_aad() {
    let recorded = vectors("laravel-messaging.json");
    let mut opened = 0;
    for client in recorded["clients"].as_array().unwrap() {
        let id = ClientId::parse(client["client_id"].as_str().unwrap()).unwrap();
        for message in client["poll"].as_array().into_iter().flatten() {
            let ts = message["created_at"].as_str().unwrap();
            let aads = [aad::of_fan_out(&id, ts), aad::of_sent(&id, ts)];
            let plain = key(&client["personal_token"]).open(&sealed(message), &aads).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap(), message["plaintext"]);
            opened += 1;
        }
    }
    assert!(opened > 5, "only {opened}");
}

#[test]
fn aad_candidates_of_an_empty_aad_are_three_texts() {
    let empty = json::decode("{}").unwrap();
    for aad in [None, Some((&empty, "{}"))] {
        assert_eq!(aad::candidates(aad), ["[]", "{}", ""]);
    }
    let text = "{ \"ts\": \" \\u00e9/1 \", \"e\": {}, \"f\": 1.0, \"n\": \"\" }";
    let value = json::decode(text).unwrap();
    assert_eq!(
        aad::candidates(Some((&value, text))),
        [r#"{"ts":"\u00e9/1","e":[],"f":1,"n":null}"#, r#"{"ts":" é/1 ","e":{},"f":1.0,"n":""}"#, text]
    );
}

#[test]
fn token_has_256_random_bits_and_key_debug_shows_nothing() {
    let token = generate_token();
    assert_eq!(base64::decode_strict(&token).unwrap().len(), 32);
    assert_ne!(*token, *generate_token());
    assert_eq!(format!("{:?}", SealKey::parse(&token).unwrap()), "SealKey { .. }");
}
