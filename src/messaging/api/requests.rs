//! Request bodies as the OpenAPI document describes them. [`super::fields`] reads them, and accepts more.

use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::openapi_by_serde;

/// Any JSON value, byte for byte.
#[derive(Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct AnyJson(pub Box<RawValue>);

openapi_by_serde!(
    AnyJson,
    "Anything",
    MetaSchema { example: Some(serde_json::json!({"text": "hello"})), ..MetaSchema::ANY }
);

/// The registration of a client.
#[derive(Object)]
#[oai(rename = "Registration", example)]
pub struct RegisterRequest {
    /// The name under which the client registers; the same fingerprint returns the same credentials. At most 255 characters.
    #[oai(validator(max_length = 255))]
    fingerprint: String,
    /// The display name.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
}

/// A message to many clients.
#[derive(Object)]
#[oai(rename = "Publication", example)]
pub struct PublishRequest {
    /// The recipients. Unknown ids are skipped.
    to_client_ids: Vec<String>,
    /// The type of the message. At most 255 characters.
    #[oai(validator(max_length = 255))]
    r#type: String,
    /// The payload: a JSON object or array that is not empty.
    payload: AnyJson,
}

/// A message sealed by a client. The plaintext is a JSON object with `type`, `payload` and, to relay it, `to_client_ids`.
#[derive(Object)]
#[oai(rename = "SealedMessage", example)]
pub struct SealedMessageRequest {
    /// AES-256-GCM under the personal token, in base64.
    ciphertext: String,
    /// 12 bytes in base64.
    nonce: String,
    /// 16 bytes in base64.
    tag: String,
    /// The additional authenticated data (compact JSON), such as `{"from": client_id, "ts": time}`.
    aad: Option<AnyJson>,
}

/// The acknowledgement of received messages.
#[derive(Object)]
#[oai(rename = "Acknowledgement", example)]
pub struct AckRequest {
    /// The greatest id that the client has received.
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
