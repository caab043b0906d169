//! What goes along in the open, as the bytes that the tag covers.

use crate::laravel::trim::trim;
use crate::messaging::domain::ClientId;
use crate::php::json::Slashes;
use crate::php::{Array, Value, json};

/// The AAD of a message that the server sealed for a client: `{"to":…,"ts":…}`.
pub fn of_fan_out(to: &ClientId, timestamp: &str) -> String {
    written("to", to, timestamp)
}

/// The AAD of a message that a client sent, as it is kept: `{"from":…,"ts":…}`.
pub fn of_sent(from: &ClientId, timestamp: &str) -> String {
    written("from", from, timestamp)
}

fn written(who: &str, client: &ClientId, timestamp: &str) -> String {
    // Neither a UUID nor a date has anything in it that JSON escapes.
    format!(r#"{{"{who}":"{}","ts":"{timestamp}"}}"#, client.as_str())
}

/// The AADs that a client may have meant by the `aad` of its body, `None` if it gave none: first the one that the
/// reference tries, which is the JSON as PHP encodes it again after Laravel has trimmed its strings and made empty ones
/// null; then the JSON as it was sent, compact and in the bytes that came; for an empty one all that stand for nothing.
pub fn candidates(sent: Option<(&Value, &str)>) -> Vec<String> {
    let Some((value, text)) = sent.filter(|(value, _)| value.as_array().is_some_and(|aad| !aad.is_empty())) else {
        return ["[]", "{}", ""].map(str::to_owned).to_vec();
    };
    let cleaned = json::encode(&cleaned(value), Slashes::Unescaped).ok();
    let compact = serde_json::from_str::<serde_json::Value>(text).ok().map(|json| json.to_string());
    let mut found: Vec<String> = Vec::with_capacity(3);
    for candidate in cleaned.into_iter().chain(compact).chain([text.to_owned()]) {
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    found
}

/// What Laravel's middlewares `TrimStrings` and `ConvertEmptyStringsToNull` make of a value.
fn cleaned(value: &Value) -> Value {
    match value {
        Value::String(_) => match value.as_str().map(trim) {
            Some("") => Value::Null,
            Some(text) => Value::from(text),
            None => value.clone(),
        },
        Value::Array(array) => array.iter().map(|(key, value)| (key.clone(), cleaned(value))).collect::<Array>().into(),
        other => other.clone(),
    }
}
