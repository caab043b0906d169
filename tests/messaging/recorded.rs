//! The recorded exchanges with the reference server (`tests/vectors/messaging-conformance.json`).

use serde_json::Value;

use crate::support::vectors;

/// All recordings in order: exchanges, and the state of the database after them.
pub fn exchanges() -> Vec<Value> {
    vectors("messaging-conformance.json")["exchanges"].as_array().unwrap().clone()
}

/// Returns the exchange with this name.
pub fn named(name: &str) -> Value {
    let found = exchanges().into_iter().find(|exchange| exchange["name"] == name);
    found.unwrap_or_else(|| panic!("no exchange {name}"))
}

/// Returns the body of an exchange's request as JSON; null if it is not JSON.
pub fn body(exchange: &Value) -> Value {
    exchange["request"]["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
}
