//! Values in print: TOML on one line, with nothing in it that must stay secret.

use figment::value::Value;

/// How much of a key's value may be shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visibility {
    All,
    WithoutPassword,
    Nothing,
}

fn shown(key: &str) -> Visibility {
    match key.rsplit('.').next().unwrap_or(key) {
        "secret" | "previous_secrets" | "password" | "tokens" | "user_token_secrets" => Visibility::Nothing,
        "app_key" | "previous_keys" | "admin_token" | "operator_tokens" | "token" => Visibility::Nothing,
        // Printed member by member; as a whole only when it is no array of tables.
        "endpoints" => Visibility::Nothing,
        "url" => Visibility::WithoutPassword,
        _ if key.contains("headers") => Visibility::Nothing,
        _ => Visibility::All,
    }
}

/// What stands for a secret in print.
pub(super) const MASK: &str = "\"********\"";

/// A value as TOML on one line, masked as its key asks for.
pub(super) fn printed(key: &str, value: &Value) -> String {
    match (shown(key), value) {
        (Visibility::Nothing, Value::Array(_, items)) => {
            format!("[{}]", vec![MASK; items.len()].join(", "))
        }
        (Visibility::Nothing, Value::Dict(_, table)) => {
            let names: Vec<_> = table.keys().map(|name| format!("{} = {MASK}", quoted(name))).collect();
            inline(&names)
        }
        (Visibility::Nothing, _) => MASK.to_owned(),
        (Visibility::WithoutPassword, value) => without_password(value.as_str().unwrap_or_default()),
        (Visibility::All, Value::String(_, text)) => quoted(text),
        (Visibility::All, Value::Array(_, items)) => {
            let items: Vec<_> = items.iter().map(|item| printed(key, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Visibility::All, Value::Dict(_, table)) => {
            let pairs: Vec<_> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", quoted(name), printed(&format!("{key}.{name}"), value)))
                .collect();
            inline(&pairs)
        }
        (Visibility::All, Value::Bool(_, value)) => value.to_string(),
        (Visibility::All, Value::Num(_, number)) => number.to_i128().map_or_else(|| "?".to_owned(), |n| n.to_string()),
        (Visibility::All, _) => "?".to_owned(),
    }
}

/// A text as a TOML string on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn inline(pairs: &[String]) -> String {
    match pairs.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", pairs.join(", ")),
    }
}

fn without_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return MASK.to_owned();
    };
    let plain = |name: &str| matches!(name, "db" | "database");
    let open_query = url.query_pairs().all(|(name, _)| plain(&name));
    if url.password().is_none() && open_query {
        return quoted(text);
    }
    if url.password().is_some() && url.set_password(Some("********")).is_err() {
        return MASK.to_owned();
    }
    if !open_query {
        url.set_query(Some("********"));
    }
    quoted(url.as_str())
}
