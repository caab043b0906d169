//! Messages as people read them on a terminal.

use serde_json::Value;

/// What a payload says: its `text` if it has nothing else, else its JSON, in one line that a terminal shows as it is.
pub fn render_payload(payload: &Value) -> String {
    match payload.as_object().filter(|fields| fields.len() == 1).and_then(|fields| fields.get("text")) {
        Some(Value::String(text)) => sanitize(text),
        _ => sanitize(&payload.to_string()),
    }
}

/// A text without what a terminal would take for a command, line breaks included: strangers wrote it.
pub fn sanitize(text: &str) -> String {
    let hidden =
        |letter: char| letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|letter| match letter {
            '\n' | '\r' | '\t' => ' ',
            letter if hidden(letter) => char::REPLACEMENT_CHARACTER,
            letter => letter,
        })
        .collect()
}
