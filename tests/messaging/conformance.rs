//! Replays the recorded exchanges on every engine: the responses are equal, except for the differences listed here.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::harness::{APP_KEY, Harness, crypt};
use super::recorded::{body, exchanges};
use crate::support::{Answer, ENGINES, TestDatabase};

/// The deliberate differences: the exchange, the status of the sidecar, and the reason.
const DIFFERENCES: [(&str, u16, &str); 25] = [
    ("root_as_cloned_no_sessions_dir", 200, "there are no sessions"),
    ("root_as_cloned_no_sessions_dir_html", 200, "there are no sessions"),
    ("send_type_array", 422, "an invalid body is reported"),
    ("send_bad_aad", 422, "a body that does not decrypt is reported"),
    ("send_bad_tag", 422, "a body that does not decrypt is reported"),
    ("send_bad_base64", 422, "a body that does not decrypt is reported"),
    ("send_plain_scalar", 422, "an invalid body is reported"),
    ("send_plain_string", 422, "an invalid body is reported"),
    ("send_tag_truncated_15", 422, "a tag has 16 bytes"),
    ("send_tag_truncated_12", 422, "a tag has 16 bytes"),
    ("send_tag_truncated_4", 422, "a tag has 16 bytes"),
    ("send_tag_truncated_1", 422, "a tag has 16 bytes"),
    ("send_nonce_16", 422, "a nonce has 12 bytes"),
    ("send_nonce_8", 422, "a nonce has 12 bytes"),
    ("send_aad_missing_enc_none", 200, "the AAD may be absent"),
    ("send_aad_empty_object_enc_braces", 200, "the AAD may be an empty object"),
    ("send_aad_unicode_raw", 200, "the AAD may be as it was sent"),
    ("send_aad_empty_string", 200, "the AAD may be as it was sent"),
    ("send_aad_float", 200, "the AAD may be as it was sent"),
    ("send_aad_float_kept", 200, "the AAD may be as it was sent"),
    ("send_aad_numeric_keys", 200, "the AAD may be as it was sent"),
    ("send_fanout_ids_ints", 200, "values that are not ids are skipped"),
    ("config_cached_publish_no_token", 403, "an operation without a configured token is closed"),
    ("register_cors_preflight", 200, "browsers of other origins need server.allowed_origins"),
    ("throttle_other_client_same_ip", 200, "limits are per client"),
];

/// The rate limits differ: they count per client, and have their own tests.
fn is_about_limits(exchange: &Value) -> bool {
    exchange["response"]["status"] == 429 && exchange["name"] != "throttle_other_client_same_ip"
}

fn expected_status(exchange: &Value) -> u16 {
    let name = exchange["name"].as_str().unwrap();
    let recorded = u16::try_from(exchange["response"]["status"].as_u64().unwrap()).unwrap();
    let posted = exchange["request"]["method"] == "POST";
    match DIFFERENCES.iter().find(|(known, ..)| *known == name) {
        Some((_, status, _)) => *status,
        // Laravel redirects browsers back to the previous page; the recorder followed some redirects.
        None if recorded == 302 => 422,
        None if posted && exchange["response"]["json"] == json!({"status": "ok"}) => 422,
        None => recorded,
    }
}

/// Sends the recorded request.
async fn replay(harness: &Harness, exchange: &Value) -> Answer {
    use base64::Engine as _;
    let request = &exchange["request"];
    let method = request["method"].as_str().unwrap().parse().unwrap();
    // There are fewer messages than in the recording.
    let path = request["path"].as_str().unwrap().replace("cursor=100", "cursor=40");
    let mut sent = harness.anonymous().request(method, &path);
    for (name, value) in request["headers"].as_object().unwrap() {
        sent = sent.header(name, value.as_str().unwrap());
    }
    let body = match request["body"]["base64"].as_str() {
        Some(bytes) => base64::engine::general_purpose::STANDARD.decode(bytes).unwrap(),
        None => request["body"].as_str().unwrap().as_bytes().to_vec(),
    };
    harness.anonymous().send(sent.body(body)).await
}

/// Gives the client that was just created the id and the secrets of the recorded one, so that later requests are valid.
fn adopt(database: &TestDatabase, exchange: &Value) {
    let credentials = &exchange["response"]["json"];
    let field = |name: &str| credentials[name].as_str().unwrap();
    let fingerprint = body(exchange)["fingerprint"].as_str().unwrap_or("fp-beta").trim().to_owned();
    let fingerprint = fingerprint.trim_matches(['\u{a0}', '\u{3000}', '\u{200b}', ' ']);
    database.sql(&format!(
        "UPDATE clients SET id = '{}', api_token_encrypted = '{}', encryption_key_encrypted = '{}' WHERE fingerprint = '{fingerprint}'",
        field("client_id"),
        crypt().encrypt(field("api_token").as_bytes()),
        crypt().encrypt(field("personal_token").as_bytes()),
    ));
}

/// The members of polled messages that the reference server does not have.
const ADDITIONS: [&str; 1] = ["from_client_id"];

/// Reduces lists of messages and clients to the names of their members; the values depend on requests that were not recorded.
fn shape(json: &Value) -> Value {
    match json {
        Value::Object(fields) => match ["messages", "clients"].iter().find(|list| fields.contains_key(**list)) {
            Some(list) => {
                let first = json[list][0].as_object().unwrap();
                // Operators see these members in the recording, too, with the recipient.
                let is_polled = *list == "messages" && !first.contains_key("to_client_id");
                let is_recorded = |name: &&String| !is_polled || !ADDITIONS.contains(&name.as_str());
                let names = first.keys().filter(is_recorded).collect::<Vec<_>>();
                json!({*list: names})
            }
            None => json.clone(),
        },
        other => other.clone(),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

fn assert_as_recorded(exchange: &Value, answer: &Answer) {
    let name = exchange["name"].as_str().unwrap();
    let recorded = &exchange["response"];
    assert_eq!(answer.status, expected_status(exchange), "{name}: {}", answer.text);
    let json = answer.text.is_empty() || header(&answer.headers, "content-type") == Some("application/json");
    assert!(json, "{name} is not JSON");
    let differs = DIFFERENCES.iter().any(|(known, ..)| *known == name) || answer.status != recorded["status"];
    if differs || recorded["html"] == true {
        assert!(answer.text.is_empty() || answer.json.is_object(), "{name}: {}", answer.text);
        assert!(answer.status < 400 || answer.json["message"].is_string(), "{name}: {}", answer.text);
        return;
    }
    match &recorded["json"] {
        Value::Null => assert_eq!(answer.text, "", "{name}"),
        // New secrets differ from the recorded ones.
        json if json["api_token"].is_string() && (answer.status == 201 || name.ends_with("undecryptable")) => {
            let names = |json: &Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&answer.json), names(json), "{name}");
        }
        json => assert_eq!(shape(&answer.json), shape(json), "{name}"),
    }
    for (header_name, value) in recorded["headers"].as_object().unwrap() {
        let found = header(&answer.headers, header_name);
        match header_name.to_lowercase().as_str() {
            "x-ratelimit-limit" | "x-ratelimit-remaining" => assert!(found.is_some(), "{name} lacks {header_name}"),
            "www-authenticate" | "cache-control" => assert_eq!(found, value.as_str(), "{name}"),
            "allow" => {
                let plain = |text: &str| text.replace(' ', "");
                assert_eq!(found.map(plain), value.as_str().map(plain), "{name}");
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_exchanges_get_the_responses_of_the_reference_server() {
    assert!(APP_KEY.starts_with("base64:"));
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let (mut replayed, mut acknowledged, mut messages) = (0, 0, 0);
        for exchange in exchanges() {
            let name = exchange["name"].as_str().unwrap();
            if name.starts_with("state:receipt_after_") {
                let rows = harness.database.lines("SELECT last_acked_message_id FROM message_receipts ORDER BY 1");
                let recorded = exchange["rows"][0]["last_acked_message_id"].as_i64().unwrap();
                acknowledged = recorded.max(acknowledged);
                assert_eq!(rows.last().unwrap(), &acknowledged.to_string(), "{name}: it only advances");
            } else if name.starts_with("state:send_") {
                let count: i64 = harness.database.sql("SELECT COUNT(*) FROM messages").trim().parse().unwrap();
                let sent = name.trim_start_matches("state:").trim_end_matches("_rows");
                let expected = match DIFFERENCES.iter().find(|(known, ..)| *known == sent) {
                    Some((_, status, _)) => i64::from(*status == 200),
                    // The same body sent again; the first request was not recorded.
                    None if sent == "send_replay_2" => 1,
                    None => exchange["new"].as_i64().unwrap(),
                };
                assert_eq!(count - messages, expected, "{name} on {engine:?}");
            }
            if exchange["request"].is_null() || is_about_limits(&exchange) {
                continue;
            }
            if name == "register_when_secret_undecryptable" {
                harness.database.sql("UPDATE clients SET api_token_encrypted = 'gone' WHERE fingerprint = 'fp-beta'");
            }
            messages = harness.database.sql("SELECT COUNT(*) FROM messages").trim().parse().unwrap();
            let answer = replay(&harness, &exchange).await;
            assert_as_recorded(&exchange, &answer);
            if exchange["response"]["json"]["api_token"].is_string() && exchange["request"]["body"] != "" {
                adopt(&harness.database, &exchange);
            }
            replayed += 1;
        }
        assert!(replayed > 190, "only {replayed} exchanges on {engine:?}");
    }
}
