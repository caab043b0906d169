//! Values as text: for a terminal, and for the path of a request.

use serde_json::Value;

/// Renders a payload in one line: its `text` if it has no other member, else its JSON. Safe to print on a terminal.
pub fn render_payload(payload: &Value) -> String {
    match payload.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("text")) {
        Some(Value::String(text)) => sanitize(text),
        _ => sanitize(&payload.to_string()),
    }
}

/// Replaces control characters, line breaks and bidirectional overrides in a text of an untrusted client, so that it is safe
/// to print on a terminal.
pub fn sanitize(text: &str) -> String {
    let is_unsafe = |character: char| {
        character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|character| match character {
            '\n' | '\r' | '\t' => ' ',
            character if is_unsafe(character) => char::REPLACEMENT_CHARACTER,
            character => character,
        })
        .collect()
}

/// Renders a time (RFC 3339) as `2026-03-04 05:06:07`, without fraction and offset. Safe to print on a terminal.
pub fn render_time(time: &str) -> String {
    sanitize(time).replacen('T', " ", 1).chars().take("2026-03-04 05:06:07".len()).collect()
}

/// Encodes any text as one segment of a path, or as a value in a query.
pub fn path_segment(text: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // In a path `+` is itself.
    encoded.replace('+', "%20")
}
