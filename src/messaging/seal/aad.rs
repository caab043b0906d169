//! The additional authenticated data (AAD) of messages: JSON that is not encrypted, but covered by the tag.

use crate::laravel::trim::trim;
use crate::messaging::domain::ClientId;
use crate::php::json::Slashes;
use crate::php::{Array, Value, json};

/// The AAD of a message that the server sealed for a client: `{"to":…,"ts":…}`.
pub fn of_fan_out(to: &ClientId, timestamp: &str) -> String {
    format_aad("to", to, timestamp)
}

/// The AAD of a message that a client sent, as it is stored: `{"from":…,"ts":…}`.
pub fn of_sent(from: &ClientId, timestamp: &str) -> String {
    format_aad("from", from, timestamp)
}

fn format_aad(direction: &str, client: &ClientId, timestamp: &str) -> String {
    // Neither a UUID nor a date contains a character that JSON escapes.
    format!(r#"{{"{direction}":"{}","ts":"{timestamp}"}}"#, client.as_str())
}

/// Returns the AADs that a client may have used, given the `aad` of its request body (`None` if it had none), in the order
/// to try them: the one of the reference server, which is the JSON as PHP encodes it again after Laravel has trimmed strings
/// and turned empty ones into null; the JSON as it was sent, compact; the JSON as it was sent, byte for byte. For an empty
/// `aad`, the three texts that mean "none".
pub fn candidates(sent: Option<(&Value, &str)>) -> Vec<String> {
    let Some((value, text)) = sent.filter(|(value, _)| value.as_array().is_some_and(|aad| !aad.is_empty())) else {
        return ["[]", "{}", ""].map(str::to_owned).to_vec();
    };
    let reencoded = json::encode(&clean(value), Slashes::Unescaped).ok();
    let compact = serde_json::from_str::<serde_json::Value>(text).ok().map(|json| json.to_string());
    let mut candidates: Vec<String> = Vec::with_capacity(3);
    for candidate in reencoded.into_iter().chain(compact).chain([text.to_owned()]) {
        if !candidates.contains(&candidate) {
            candidates.push(candidate);
        }
    }
    candidates
}

/// Applies Laravel's middlewares `TrimStrings` and `ConvertEmptyStringsToNull` to a value.
fn clean(value: &Value) -> Value {
    match value {
        Value::String(_) => match value.as_str().map(trim) {
            Some("") => Value::Null,
            Some(text) => Value::from(text),
            None => value.clone(),
        },
        Value::Array(array) => array.iter().map(|(key, value)| (key.clone(), clean(value))).collect::<Array>().into(),
        other => other.clone(),
    }
}
