//! The recorded exchanges with the reference server (`tests/vectors/messaging-conformance.json`).

use serde_json::Value;

use crate::support::vectors;

/// Everything recorded, in its order: exchanges, and what the database held behind them.
pub fn exchanges() -> Vec<Value> {
    vectors("messaging-conformance.json")["exchanges"].as_array().unwrap().clone()
}

/// What the reference answered to the exchange of that name.
pub fn named(name: &str) -> Value {
    let found = exchanges().into_iter().find(|exchange| exchange["name"] == name);
    found.unwrap_or_else(|| panic!("no exchange {name}"))
}

/// The body of an exchange's request as JSON, null if it is none.
pub fn body(exchange: &Value) -> Value {
    exchange["request"]["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
}
