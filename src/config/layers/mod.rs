//! The layers: each is checked against the schema when it is added, and merged by figment, which records the origin of
//! each value.

pub mod aliases;
mod app;
mod app_defaults;
mod app_redis;
mod check;
pub mod describe;
pub mod digest;
mod environment;
pub mod error;
mod redact;
mod schema;
pub mod sources;
mod text_file;
mod words;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

pub use self::check::{invalid_url, is_identifier, is_token, percent_decode};
pub use self::error::{ConfigError, Result};
pub use self::schema::nearest_word;
use self::schema::{Kind, Schema};
pub use self::words::must_be;

/// The key whose absence opens a route: an empty value is probably a variable that was not set.
const OPENING: &str = "registration.token";

/// All layers that were added.
pub struct Layers {
    figment: Figment,
    schema: Schema,
    /// The names of the layers that come from the Laravel app.
    app_layers: HashSet<String>,
    /// The folder of the Laravel app.
    app_folder: Option<PathBuf>,
    /// `REDIS_CLIENT` of the Laravel app.
    app_redis_client: Option<String>,
}

/// One layer for figment; its name is printed as the origin of a value.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layers {
    /// The defaults alone.
    fn new() -> Result<Self> {
        let defaults =
            schema::TEXT.parse().map_err(|_| ConfigError::new("the compiled-in presence.toml is not valid TOML"))?;
        let mut layers = Self {
            figment: Figment::new(),
            schema: Schema::parse(),
            app_layers: HashSet::new(),
            app_folder: None,
            app_redis_client: None,
        };
        layers.add("default", defaults)?;
        Ok(layers)
    }

    /// The known keys.
    fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Adds a layer above all others.
    fn add(&mut self, name: &str, table: toml::Table) -> Result<()> {
        let layer = self.layer(name, table)?;
        self.figment = std::mem::take(&mut self.figment).merge(layer);
        Ok(())
    }

    /// Adds a layer below all others, defaults included: it sets only keys without a value.
    fn add_below(&mut self, name: &str, table: toml::Table) -> Result<()> {
        let layer = self.layer(name, table)?;
        self.figment = std::mem::take(&mut self.figment).join(layer);
        Ok(())
    }

    /// Adds a layer with one key, above its default and below all other layers.
    fn add_above_default(&mut self, name: &str, table: toml::Table) -> Result<()> {
        let value = self.value(&first_key(&table));
        match value.is_some_and(|value| self.origin(&value) == "default") {
            true => self.add(name, table),
            false => self.add_below(name, table),
        }
    }

    /// The folder of the Laravel app (`--laravel`).
    pub fn app_folder(&self) -> Option<&Path> {
        self.app_folder.as_deref()
    }

    /// Records that the layer of this name comes from the Laravel app.
    fn mark_app_layer(&mut self, name: &str) {
        self.app_layers.insert(name.to_owned());
    }

    /// Whether a key's value comes from the Laravel app.
    pub fn is_from_app(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| self.app_layers.contains(&self.origin(&value)))
    }

    fn layer(&self, name: &str, mut table: toml::Table) -> Result<Layer> {
        self.check(name, "", &mut table)?;
        let value = Value::serialize(&table).ok().and_then(Value::into_dict);
        let values = value.ok_or_else(|| ConfigError::new(format!("{name} has values of an unknown kind")))?;
        Ok(Layer { name: name.to_owned(), values })
    }

    /// Rejects unknown keys and wrong kinds, and removes empty values that mean "not set".
    fn check(&self, layer: &str, section: &str, table: &mut toml::Table) -> Result<()> {
        let mut unset = Vec::new();
        for (name, value) in table.iter_mut() {
            let key = format!("{section}{name}");
            if let Some(known) = self.schema.find(&key) {
                if !known.kind.fits(value) {
                    return Err(type_mismatch(layer, &key, known.kind, value));
                }
                if key == OPENING && is_empty(value) {
                    let what = "is empty, which would open registration to every caller: set a token, or remove it";
                    return Err(ConfigError::new(format!("{key} ({layer}) {what}")));
                }
                if !known.has_default && is_empty(value) && !aliases::allows_empty(&key) {
                    unset.push(name.clone());
                }
                self.check_members(layer, &key, value)?;
            } else if let (true, toml::Value::Table(inner)) = (self.schema.is_section(&key), value) {
                self.check(layer, &format!("{key}."), inner)?;
            } else {
                return Err(self.unknown_key(layer, &key));
            }
        }
        unset.iter().for_each(|name| drop(table.remove(name)));
        Ok(())
    }

    fn check_members(&self, layer: &str, key: &str, value: &mut toml::Value) -> Result<()> {
        match value.as_array_mut() {
            Some(items) if key == schema::ENDPOINTS => items
                .iter_mut()
                .filter_map(toml::Value::as_table_mut)
                .try_for_each(|table| self.check(layer, &format!("{key}[]."), table)),
            _ => Ok(()),
        }
    }

    /// The error for an unknown key.
    fn unknown_key(&self, layer: &str, key: &str) -> ConfigError {
        let what = if self.schema.is_section(key) { "is a section, not a value" } else { "is not a known key" };
        let hint = self.schema.suggestion(key);
        ConfigError::new(format!("{} ({layer}) {what}{hint}", key.replace("[]", "")))
    }

    /// Deserializes the merged layers.
    pub fn extract<T: DeserializeOwned>(&self) -> Result<T> {
        // The checks of each layer leave no error here; if there is one, it names the path and not the value.
        self.figment.extract().map_err(|error| {
            let key = error.path.join(".");
            self.error_at(&key, "has a value of the wrong kind")
        })
    }

    /// The merged value of a key; `section.list[2].key` is a key of a list item.
    pub fn value(&self, key: &str) -> Option<Value> {
        let Some((list, rest)) = key.split_once('[') else {
            return self.figment.find_value(key).ok();
        };
        let (index, rest) = rest.split_once(']')?;
        let items = self.figment.find_value(list).ok()?.into_array()?;
        let item = items.into_iter().nth(index.parse().ok()?)?;
        match rest.strip_prefix('.') {
            Some(inner) => item.find(inner),
            None => Some(item),
        }
    }

    /// The name of the layer that set this value.
    pub fn origin(&self, value: &Value) -> String {
        let metadata = self.figment.get_metadata(value.tag());
        metadata.map_or_else(|| "unknown".to_owned(), |metadata| metadata.name.clone().into_owned())
    }

    /// `key = value (layer)`, masked.
    pub fn describe(&self, key: &str) -> String {
        match self.value(key) {
            Some(value) => format!("{key} = {} ({})", redact::format(key, &value), self.origin(&value)),
            None => key.to_owned(),
        }
    }

    /// An error about the value of this key: `key = value (layer) problem`.
    pub fn error_at(&self, key: &str, problem: impl fmt::Display) -> ConfigError {
        ConfigError::new(format!("{} {problem}", self.describe(key)))
    }
}

fn is_empty(value: &toml::Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn type_mismatch(layer: &str, key: &str, kind: Kind, value: &toml::Value) -> ConfigError {
    let printed =
        Value::serialize(value).map(|value| format!(" = {}", redact::format(key, &value))).unwrap_or_default();
    let words: &[&str] = if kind == Kind::Bool { &["true", "false"] } else { &[] };
    let hint = value.as_str().map(|text| schema::nearest_word(text, words)).unwrap_or_default();
    ConfigError::new(format!("{}{printed} ({layer}) {}{hint}", key.replace("[]", ""), kind.requirement()))
}

/// The whole name of the first key of a table.
fn first_key(table: &toml::Table) -> String {
    match table.iter().next() {
        Some((name, toml::Value::Table(inner))) => format!("{name}.{}", first_key(inner)),
        Some((name, _)) => name.clone(),
        None => String::new(),
    }
}
