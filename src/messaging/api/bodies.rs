//! Bodies of requests as they are documented. They are read by [`super::fields`], which is more lenient.

use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::openapi_by_serde;

/// Any JSON, as it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct AnyJson(pub Box<RawValue>);

openapi_by_serde!(
    AnyJson,
    "Anything",
    MetaSchema { example: Some(serde_json::json!({"text": "hello"})), ..MetaSchema::ANY }
);

/// What a client registers with.
#[derive(Object)]
#[oai(rename = "Registration", example)]
pub struct RegisterRequest {
    /// What the client calls itself; with the same fingerprint it gets the same credentials again. At most 255 characters.
    #[oai(validator(max_length = 255))]
    fingerprint: String,
    /// What people call it.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
}

/// A message for many clients.
#[derive(Object)]
#[oai(rename = "Publication", example)]
pub struct PublishRequest {
    /// Whom it is for. Ids that nobody has are passed over.
    to_client_ids: Vec<String>,
    /// What it is about. At most 255 characters.
    #[oai(validator(max_length = 255))]
    r#type: String,
    /// What it says: a JSON object or array with something in it.
    payload: AnyJson,
}

/// A message that a client sealed: a JSON object with `type`, `payload` and, to relay it, `to_client_ids`.
#[derive(Object)]
#[oai(rename = "SealedMessage", example)]
pub struct SealedMessageRequest {
    /// AES-256-GCM under the personal token, in base64.
    ciphertext: String,
    /// 12 bytes in base64.
    nonce: String,
    /// 16 bytes in base64.
    tag: String,
    /// What was sealed along with it (the AAD, as compact JSON), such as `{"from": client_id, "ts": time}`.
    aad: Option<AnyJson>,
}

/// How far a client has read.
#[derive(Object)]
#[oai(rename = "Acknowledgement", example)]
pub struct AckRequest {
    /// The greatest id it has seen.
    #[oai(validator(minimum(value = "1")))]
    last_received_id: i64,
}

impl Example for RegisterRequest {
    fn example() -> Self {
        Self { fingerprint: "till-1".to_owned(), name: Some("Till 1".to_owned()) }
    }
}

const CLIENT: &str = "0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10";

impl Example for PublishRequest {
    fn example() -> Self {
        let payload = AnyJson(RawValue::from_string(r#"{"text": "hello"}"#.to_owned()).unwrap_or_default());
        Self { to_client_ids: vec![CLIENT.to_owned()], r#type: "note".to_owned(), payload }
    }
}

impl Example for SealedMessageRequest {
    fn example() -> Self {
        let aad = RawValue::from_string(format!(r#"{{"from":"{CLIENT}","ts":"2026-03-04T05:06:07+00:00"}}"#));
        Self {
            ciphertext: "T8hxiHWItw+uhfHpGVGkwSQv2baYhD/SUJCtH5tYqmg/".to_owned(),
            nonce: "zA7m/dLnV1iWzFZ/".to_owned(),
            tag: "VGm+DvnZCEo6ZUVErQeI2w==".to_owned(),
            aad: aad.ok().map(AnyJson),
        }
    }
}

impl Example for AckRequest {
    fn example() -> Self {
        Self { last_received_id: 7 }
    }
}
