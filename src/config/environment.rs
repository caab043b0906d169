//! Environment variables and `.env` entries as settings of keys.

use super::error::ConfigError;
use super::layers::Layers;
use super::manual::{Kind, hint};
use super::names;
use super::names::Alias;

/// Variables of the app's side, which shares its `.env` with the sidecar.
const OF_THE_APP: &str = "PRESENCE_SIDECAR_";

/// One variable that sets a key.
pub(super) struct Setting {
    /// The variable's name.
    pub name: String,
    /// What an operator reads as the origin.
    pub layer: String,
    /// Whether it yields to whoever else sets the key.
    pub fallback: bool,
    /// The key with its value, as a layer.
    pub table: toml::Table,
}

/// The settings of one environment, and sentences about names that set nothing.
#[derive(Default)]
pub(super) struct Settings {
    /// In the order of the variables.
    pub settings: Vec<Setting>,
    /// Names that look meant for the sidecar but are not known.
    pub warnings: Vec<String>,
}

/// Reads the variables of `source`, such as `environment` or `.env of /app`; names of others are passed over.
pub(super) fn read(pairs: &[(String, String)], source: &str, layers: &Layers) -> Result<Settings, ConfigError> {
    let mut found = Settings::default();
    for (name, text) in pairs {
        let layer = format!("{source} {name}");
        let (value, fallback) = if let Some(path) = name.strip_prefix("PRESENCE__") {
            (dotted(path, text, &layer, layers)?, false)
        } else if let Some(alias) = names::find(name) {
            (aliased(alias, text, layers), alias.fallback)
        } else {
            if name.starts_with("PRESENCE_") && !name.starts_with(OF_THE_APP) {
                let hint = hint(name, names::aliases().map(|alias| alias.name));
                found.warnings.push(format!("{layer} sets nothing that is known{hint}"));
            }
            continue;
        };
        if let Some(table) = value {
            found.settings.push(Setting { name: name.clone(), layer, fallback, table });
        }
    }
    Ok(found)
}

/// What `PRESENCE__SECTION__KEY` sets, `None` for an empty value that means nothing.
fn dotted(path: &str, text: &str, layer: &str, layers: &Layers) -> Result<Option<toml::Table>, ConfigError> {
    let key = path.to_ascii_lowercase().replace("__", ".");
    let known = layers.manual().find(&key).filter(|_| !key.contains('['));
    let kind = known.ok_or_else(|| layers.unknown(layer, &key))?.kind;
    Ok(written(kind, text).map(|value| nested(&key, value)))
}

fn aliased(alias: Alias, text: &str, layers: &Layers) -> Option<toml::Table> {
    let kind = layers.manual().find(alias.key).map_or(Kind::Text, |known| known.kind);
    let text = php(text).or(alias.empty)?;
    Some(nested(alias.key, plain(kind, text)))
}

/// A value as Laravel's `env()` sees it: quotes off, and nothing for empty, `null` and `(null)`.
fn php(text: &str) -> Option<&str> {
    let bare = ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = match text.to_ascii_lowercase().as_str() {
        "null" | "(null)" | "empty" | "(empty)" => "",
        _ => bare.unwrap_or(text),
    };
    (!text.is_empty()).then_some(text)
}

/// The value of a `PRESENCE__` name: TOML if that gives the key's kind, else plain.
fn written(kind: Kind, text: &str) -> Option<toml::Value> {
    if text.is_empty() {
        return match kind {
            Kind::Text | Kind::List => Some(plain(kind, text)),
            Kind::Table => Some(toml::Value::Table(toml::Table::new())),
            Kind::Number | Kind::Bool | Kind::TableArray => None,
        };
    }
    let table = format!("value = {text}").parse::<toml::Table>().ok().filter(|table| table.len() == 1);
    let value = table.and_then(|mut table| table.remove("value")).filter(|value| kind.fits(value));
    Some(value.unwrap_or_else(|| plain(kind, text)))
}

/// A plain text as a value of `kind`; what does not fit stays a text, which the layer's check refuses.
fn plain(kind: Kind, text: &str) -> toml::Value {
    let fitting = match kind {
        Kind::Number => text.trim().parse().ok().map(toml::Value::Integer),
        Kind::Bool => switch(text.trim()).map(toml::Value::Boolean),
        Kind::List => Some(toml::Value::Array(list(text))),
        Kind::Text | Kind::Table | Kind::TableArray => None,
    };
    fitting.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn switch(text: &str) -> Option<bool> {
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

/// A text as the layer of one key.
pub(super) fn text(key: &str, text: &str) -> toml::Table {
    nested(key, plain(Kind::Text, text))
}

/// A comma list as the layer of one key.
pub(super) fn listed(key: &str, text: &str) -> toml::Table {
    nested(key, plain(Kind::List, text))
}
