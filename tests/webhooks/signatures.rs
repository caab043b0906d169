//! Bodies and signatures of webhooks.

use presence_sidecar::config::{Algo, SigningSecret};
use presence_sidecar::presence::domain::identity::{Id, Meta, Scope};
use presence_sidecar::presence::domain::{Change, Status, Timestamp};
use presence_sidecar::webhooks::domain::{payload, signature};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{bytes, vectors};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn hmac_equals_phps() {
    for case in vectors("laravel-primitives.json")["hmac"].as_array().unwrap() {
        let algo: Algo = case["algo"].as_str().unwrap().parse().unwrap_or_else(|why| panic!("{case}: {why}"));
        let (secret, message) = (case["secret"].as_str().unwrap(), case["message"].as_str().unwrap());
        let mac = signature::hash_hmac(algo, secret.as_bytes(), &[message.as_bytes()]);
        assert_eq!(hex(&mac), case["mac"].as_str().unwrap(), "{case}");
    }
}

#[test]
fn signatures_equal_the_vectors() {
    let cases = vectors("webhook-signatures.json")["cases"].as_array().unwrap().clone();
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let (time, body) = (case["time"].as_i64().unwrap(), text("body").as_bytes());
        let header = signature::header(text("algo").parse().unwrap(), text("secret").as_bytes(), time, body);
        assert_eq!(header, text("header"), "{case}");
        assert_eq!(
            signature::standard(key(text("secret")).standard_key(), text("id"), time, body),
            text("standard"),
            "{case}"
        );
    }
    for algo in Algo::ALL {
        assert!(cases.iter().any(|case| case["algo"] == algo.name()), "no vector for {algo}");
    }
}

#[test]
fn vectors_equal_phps_hash_hmac() {
    require!("php");
    let script = crate::support::fixture("webhooks/signatures.php");
    let vectors = crate::support::fixture("vectors/webhook-signatures.json");
    let output = crate::support::command("php").arg(script).arg(vectors).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn header_equals_the_php_packages_where_it_signed_the_sent_bytes() {
    let recorded = vectors("presence-webhooks-php.json");
    let mut compared = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let config = &case["config"];
        for post in case["posts"].as_array().unwrap() {
            let name = config["signature_header"].as_str().unwrap();
            if post["body"] == "" {
                continue; // Guzzle followed a redirect with a GET.
            }
            let headers = post["headers"].as_array().unwrap();
            let sent = headers.iter().find(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name)).unwrap();
            let sent = sent[1].as_str().unwrap();
            let time = sent.strip_prefix("t=").and_then(|rest| rest.split_once(',')).unwrap().0.parse().unwrap();
            let Some(secret) = config["secret"].as_str() else { continue };
            let algo = config["algo"].as_str().unwrap_or("sha256").parse().unwrap();
            let body = bytes(&json!({"base64": post["body_base64"]}));
            let header = signature::header(algo, secret.as_bytes(), time, &body);
            // The package signs JSON without, and sends JSON with, escaped slashes.
            let signed = body == bytes(&json!({"text": post["body"].as_str().unwrap().replace("\\/", "/")}));
            assert_eq!(header == sent, signed, "{}: {header}", case["name"]);
            compared += 1;
        }
    }
    assert!(compared > 10);
}

fn change(meta: Value) -> Change {
    Change {
        id: Uuid::nil(),
        user_id: Id::from(9),
        scope: Scope { tenant: Some(Id::from(7)), ..Scope::default() },
        status: Status::Away,
        previous: Status::Online,
        seq: 1_772_600_767_123,
        occurred_at: Timestamp::from_micros(1_772_600_767_654_321),
        cause: None,
        meta: serde_json::from_value::<Meta>(meta).unwrap(),
        trace: None,
        is_heartbeat: false,
    }
}

#[test]
fn body_has_the_php_packages_members_and_the_sidecars() {
    let id = Uuid::nil();
    let body = payload::body(&change(json!({"page": "/a/é", "n": 1.0})), &id, chrono_tz::Europe::Berlin);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        concat!(
            r#"{"user_id":9,"occurred_at":"2026-03-04T06:06:07+01:00","meta":{"page":"/a/é","n":1.0,"status":"away"},"#,
            r#""id":"00000000-0000-0000-0000-000000000000","event":"away","status":"away","seq":1772600767123,"#,
            r#""scope":{"tenant":7,"location":null,"domain":null,"guard":null}}"#
        )
    );
}

#[test]
fn status_is_added_to_the_meta_unless_present() {
    for (meta, sent) in [
        (json!([]), json!({"status": "away"})),
        (json!({"status": "busy"}), json!({"status": "busy"})),
        (json!({"status": null}), json!({"status": null})),
        (json!(["a"]), json!({"0": "a", "status": "away"})),
    ] {
        let body = payload::body(&change(meta), &Uuid::nil(), chrono_tz::UTC);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["meta"], sent);
    }
}

#[test]
fn change_id_depends_on_change_and_installation() {
    let (here, there) = (Uuid::new_v5(&Uuid::nil(), b"here"), Uuid::new_v5(&Uuid::nil(), b"there"));
    let one = change(json!([]));
    let id = |change: &Change, installation| Change::decode(&change.encode(), installation).unwrap().id;
    assert_eq!(id(&one, &here), id(&change(json!({"other": "meta"})), &here));
    assert_ne!(id(&one, &here), id(&one, &there));
    assert_ne!(id(&one, &here), id(&Change { seq: one.seq + 1, ..one.clone() }, &here));
    assert_ne!(id(&one, &here), id(&Change { scope: Scope::default(), ..one.clone() }, &here));
}

fn key(secret: &str) -> SigningSecret {
    secret.parse().unwrap_or_else(|why| panic!("{secret}: {why}"))
}

#[test]
fn standard_webhooks_secret_is_decoded_with_and_without_padding() {
    let sign = |secret| signature::standard(key(secret).standard_key(), "id", 1, b"{}");
    assert!(sign("whsec_c2VjcmV0").starts_with("v1,"));
    assert_eq!(sign("whsec_c2VjcmV0"), sign("secret"));
    for (padded, unpadded) in [("whsec_c2VjcmV0cw==", "whsec_c2VjcmV0cw"), ("whsec_c2VjcmV0LXM=", "whsec_c2VjcmV0LXM")]
    {
        assert_eq!(sign(padded), sign(unpadded));
    }
    // The last character has bits that belong to no byte; receivers ignore them.
    assert_eq!(sign("whsec_c2VjcmV0cx"), sign("secrets"));
    assert_ne!(sign("secret"), signature::standard(b"secret", "id", 2, b"{}"));
}
