//! Environment variables and `.env` entries as settings of keys.

use super::aliases::Alias;
use super::error::Result;
use super::schema::{Kind, suggest};
use super::{Layers, aliases};

/// The prefix of variables of the PHP package; the app and the sidecar share a `.env` file.
const APP_PREFIX: &str = "PRESENCE_SIDECAR_";

/// Names that commands read, beside the configuration.
const OF_COMMANDS: [&str; 2] = ["PRESENCE_CONFIG", "PRESENCE_CLIENT_CREDENTIALS"];

/// One variable that sets a key.
pub struct Setting {
    /// The name of the variable.
    pub name: String,
    /// The name of the layer, which is printed as the origin.
    pub layer: String,
    /// Whether any other source of the key takes precedence.
    pub fallback: bool,
    /// The key with its value, as a layer.
    pub table: toml::Table,
}

/// The settings of one environment, and warnings about unknown names.
#[derive(Default)]
pub struct Settings {
    /// In the order of the variables.
    pub settings: Vec<Setting>,
    /// One sentence for each unknown name with the prefix of the sidecar.
    pub warnings: Vec<String>,
}

/// Reads the variables of `source`, such as `environment` or `.env of /app`; ignores names of other programs.
pub fn read(pairs: &[(String, String)], source: &str, layers: &Layers) -> Result<Settings> {
    let mut settings = Settings::default();
    for (name, text) in pairs {
        let layer = format!("{source} {name}");
        let (value, fallback) = if let Some(path) = name.strip_prefix("PRESENCE__") {
            (from_path(path, text, &layer, layers)?, false)
        } else if let Some(alias) = aliases::find(name) {
            settings.warnings.extend(null_store_warning(alias, text, &layer, pairs));
            (from_alias(alias, text, layers), alias.fallback)
        } else {
            let is_known = name.starts_with(APP_PREFIX) || OF_COMMANDS.contains(&name.as_str());
            if name.starts_with("PRESENCE_") && !is_known {
                let hint = suggest(name, known_names(layers).iter().map(String::as_str));
                settings.warnings.push(format!("{layer} is not a known name{hint}"));
            }
            continue;
        };
        if let Some(table) = value {
            settings.settings.push(Setting { name: name.clone(), layer, fallback, table });
        }
    }
    Ok(settings)
}

/// The names of all keys in the environment.
fn known_names(layers: &Layers) -> Vec<String> {
    let keys = layers.schema().keys().filter(|known| !known.key.contains('['));
    let paths = keys.map(|known| format!("PRESENCE__{}", known.key.replace('.', "__").to_ascii_uppercase()));
    aliases::aliases().map(|alias| alias.name.to_owned()).chain(paths).collect()
}

/// The setting of `PRESENCE__SECTION__KEY`; `None` for an empty value that sets nothing.
fn from_path(path: &str, text: &str, layer: &str, layers: &Layers) -> Result<Option<toml::Table>> {
    let key = path.to_ascii_lowercase().replace("__", ".");
    let known = layers.schema().find(&key).filter(|_| !key.contains('['));
    let kind = known.ok_or_else(|| layers.unknown_key(layer, &key))?.kind;
    Ok(typed_value(kind, text).map(|value| nested(&key, value)))
}

fn from_alias(alias: Alias, text: &str, layers: &Layers) -> Option<toml::Table> {
    let kind = layers.schema().find(alias.key).map_or(Kind::Text, |known| known.kind);
    let text = laravel_env(text);
    let text = if kind == Kind::Text && !alias.name.starts_with("PRESENCE_") { text.and_then(php_text) } else { text };
    Some(nested(alias.key, plain_value(kind, text.or(alias.empty)?)))
}

/// The text that PHP makes of what `env()` returns: of the words `true` and `false`, which are booleans there, it is `1` and
/// empty.
fn php_text(text: &str) -> Option<&str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "(true)" => Some("1"),
        "false" | "(false)" => None,
        _ => Some(text),
    }
}

/// The warning about an app without a cache store, which is not the same as a name that is not set.
fn null_store_warning(alias: Alias, text: &str, layer: &str, pairs: &[(String, String)]) -> Option<String> {
    let is_null = matches!(text.to_ascii_lowercase().as_str(), "null" | "(null)");
    let is_stated = pairs.iter().any(|(name, value)| name == "PRESENCE_CACHE_STORE" && laravel_env(value).is_some());
    (alias.fallback && alias.key == "cache.store" && is_null && !is_stated).then(|| {
        format!(
            "{layer} = null is Laravel's null store, which keeps nothing, so the app and the sidecar share no presence: set \
             PRESENCE_CACHE_STORE to redis or database"
        )
    })
}

/// The value that Laravel's `env()` returns: without quotes; `None` for empty, `null` and `(null)`.
fn laravel_env(text: &str) -> Option<&str> {
    let bare = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = match text.to_ascii_lowercase().as_str() {
        "null" | "(null)" | "empty" | "(empty)" => "",
        _ => bare.unwrap_or(text),
    };
    (!text.is_empty()).then_some(text)
}

/// The value of a `PRESENCE__` name: TOML if it has the kind of the key, else plain text.
fn typed_value(kind: Kind, text: &str) -> Option<toml::Value> {
    if text.is_empty() {
        return match kind {
            Kind::Text | Kind::List => Some(plain_value(kind, text)),
            Kind::Table => Some(toml::Value::Table(toml::Table::new())),
            Kind::Number | Kind::Bool | Kind::TableArray => None,
        };
    }
    let table = format!("value = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1);
    let value = table.and_then(|mut table| table.remove("value")).filter(|value| kind.fits(value));
    Some(value.unwrap_or_else(|| plain_value(kind, text)))
}

/// A plain text as a value of `kind`; a text that does not fit stays a string, which the check of the layer rejects.
fn plain_value(kind: Kind, text: &str) -> toml::Value {
    let fitting = match kind {
        Kind::Number => text.trim().parse().ok().map(toml::Value::Integer),
        Kind::Bool => boolean(text.trim()).map(toml::Value::Boolean),
        Kind::List => Some(toml::Value::Array(list(text))),
        Kind::Text | Kind::Table | Kind::TableArray => None,
    };
    fitting.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "(true)" | "1" | "on" | "yes" => Some(true),
        "false" | "(false)" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn list(text: &str) -> Vec<toml::Value> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| toml::Value::String(item.to_owned())).collect()
}

/// `a.b = value` as `{ a = { b = value } }`.
fn nested(key: &str, value: toml::Value) -> toml::Table {
    match key.split_once('.') {
        Some((section, rest)) => toml::Table::from_iter([(section.to_owned(), nested(rest, value).into())]),
        None => toml::Table::from_iter([(key.to_owned(), value)]),
    }
}

/// A layer with a string for one key.
pub fn text_setting(key: &str, text: &str) -> toml::Table {
    nested(key, plain_value(Kind::Text, text))
}

/// A layer with a comma-separated list for one key.
pub fn list_setting(key: &str, text: &str) -> toml::Table {
    nested(key, plain_value(Kind::List, text))
}
