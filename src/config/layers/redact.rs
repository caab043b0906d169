//! Values for listings and errors: TOML on one line, with secrets masked.

use figment::value::Value;

/// The part of a value that may be printed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visibility {
    All,
    WithoutPassword,
    Origin,
    Nothing,
}

fn visibility(key: &str) -> Visibility {
    match key.rsplit('.').next().unwrap_or(key) {
        "secret" | "previous_secrets" | "password" | "sentinel_password" | "tokens" | "user_token_secrets" => {
            Visibility::Nothing
        }
        "app_key" | "previous_keys" | "admin_token" | "operator_tokens" | "token" => Visibility::Nothing,
        // Printed member by member; as a whole only in an error, if it is not an array of tables.
        "endpoints" => Visibility::Nothing,
        // The path and the query of a receiver's URL often contain a token.
        "url" if key.starts_with("webhook") => Visibility::Origin,
        // So does that of a collector.
        "endpoint" => Visibility::Origin,
        "url" => Visibility::WithoutPassword,
        _ if key.contains("headers") => Visibility::Nothing,
        _ => Visibility::All,
    }
}

/// Whether the values of a key are addresses without credentials.
fn is_address(key: &str) -> bool {
    matches!(key, "redis.cluster" | "redis.sentinels")
}

/// The replacement for a secret.
const MASK: &str = "\"********\"";

/// Formats a value as TOML on one line; its key decides what is masked.
pub fn format(key: &str, value: &Value) -> String {
    match (visibility(key), value) {
        (Visibility::Nothing, Value::Array(_, items)) => {
            format!("[{}]", vec![MASK; items.len()].join(", "))
        }
        (Visibility::Nothing, Value::Dict(_, table)) => {
            let names: Vec<_> = table.keys().map(|name| format!("{} = {MASK}", quote(name))).collect();
            inline_table(&names)
        }
        (Visibility::Nothing, _) => MASK.to_owned(),
        (Visibility::WithoutPassword, value) => mask_password(value.as_str().unwrap_or_default()),
        (Visibility::Origin, value) => mask_path(value.as_str().unwrap_or_default()),
        // An entry with a user and a password is refused, and the error prints it.
        (Visibility::All, Value::String(_, text)) if is_address(key) && text.contains('@') => MASK.to_owned(),
        (Visibility::All, Value::String(_, text)) => quote(text),
        (Visibility::All, Value::Array(_, items)) => {
            let items: Vec<_> = items.iter().map(|item| format(key, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Visibility::All, Value::Dict(_, table)) => {
            let pairs: Vec<_> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", quote(name), format(&format!("{key}.{name}"), value)))
                .collect();
            inline_table(&pairs)
        }
        (Visibility::All, Value::Bool(_, value)) => value.to_string(),
        (Visibility::All, Value::Num(_, number)) => number.to_i128().map_or_else(|| "?".to_owned(), |n| n.to_string()),
        (Visibility::All, _) => "?".to_owned(),
    }
}

/// Formats a text as a TOML string on one line.
pub fn quote(text: &str) -> String {
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

fn inline_table(pairs: &[String]) -> String {
    match pairs.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{ {} }}", pairs.join(", ")),
    }
}

/// Masks everything behind the host, and the user before it.
fn mask_path(text: &str) -> String {
    let Some((url, host)) = url::Url::parse(text).ok().and_then(|url| Some((url.clone(), url.host()?.to_string())))
    else {
        return MASK.to_owned();
    };
    let user = if url.username().is_empty() && url.password().is_none() { "" } else { "********@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let path = if is_bare { &text[text.trim_end_matches('/').len()..] } else { "/********" };
    quote(&format!("{}://{user}{host}{port}{path}", url.scheme()))
}

fn mask_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return MASK.to_owned();
    };
    let is_plain = |name: &str| matches!(name, "db" | "database");
    let plain_query = url.query_pairs().all(|(name, _)| is_plain(&name));
    if url.password().is_none() && plain_query {
        return quote(text);
    }
    if url.password().is_some() && url.set_password(Some("********")).is_err() {
        return MASK.to_owned();
    }
    if !plain_query {
        url.set_query(Some("********"));
    }
    quote(url.as_str())
}
