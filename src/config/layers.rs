//! The layers, each checked against the manual as it is added, and merged by figment, which remembers who set what.

use std::collections::HashSet;
use std::fmt;

use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::error::ConfigError;
use super::manual::{Kind, Schema};
use super::printed::printed;
use super::raw::Raw;
use super::{manual, names};

/// All layers so far.
pub(super) struct Layers {
    figment: Figment,
    manual: Schema,
    /// The names of those that came from the Laravel app.
    of_app: HashSet<String>,
}

/// One layer for figment: its name is what an operator reads as the origin of a value.
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
    /// The manual's defaults alone.
    pub(super) fn new(manual: Schema) -> Result<Self, ConfigError> {
        let defaults =
            manual::TEXT.parse().map_err(|_| ConfigError::new("the compiled-in presence.toml is no TOML"))?;
        let mut layers = Self { figment: Figment::new(), manual, of_app: HashSet::new() };
        layers.add("default", defaults)?;
        Ok(layers)
    }

    /// The known keys.
    pub(super) fn manual(&self) -> &Schema {
        &self.manual
    }

    /// Puts a layer over all others.
    pub(super) fn add(&mut self, name: &str, table: toml::Table) -> Result<(), ConfigError> {
        let layer = self.layer(name, table)?;
        self.figment = std::mem::take(&mut self.figment).merge(layer);
        Ok(())
    }

    /// Puts a layer under all others, the defaults included: it fills what nobody has set.
    pub(super) fn fill(&mut self, name: &str, table: toml::Table) -> Result<(), ConfigError> {
        let layer = self.layer(name, table)?;
        self.figment = std::mem::take(&mut self.figment).join(layer);
        Ok(())
    }

    /// Notes that the layer of that name comes from the Laravel app.
    pub(super) fn note_app(&mut self, name: &str) {
        self.of_app.insert(name.to_owned());
    }

    /// Whether a key's value comes from the Laravel app.
    pub(super) fn is_of_app(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| self.of_app.contains(&self.origin(&value)))
    }

    fn layer(&self, name: &str, mut table: toml::Table) -> Result<Layer, ConfigError> {
        self.check(name, "", &mut table)?;
        let value = Value::serialize(&table).ok().and_then(Value::into_dict);
        let values = value.ok_or_else(|| ConfigError::new(format!("{name} has values of an unknown kind")))?;
        Ok(Layer { name: name.to_owned(), values })
    }

    /// Refuses unknown keys and wrong kinds, and takes out empty values that mean "not set".
    fn check(&self, layer: &str, section: &str, table: &mut toml::Table) -> Result<(), ConfigError> {
        let mut unset = Vec::new();
        for (name, value) in table.iter_mut() {
            let key = format!("{section}{name}");
            if let Some(known) = self.manual.find(&key) {
                if !known.kind.fits(value) {
                    return Err(misfit(layer, &key, known.kind, value));
                }
                if !known.has_default && is_empty(value) && !names::takes_empty(&key) {
                    unset.push(name.clone());
                }
                self.check_members(layer, &key, value)?;
            } else if let (true, toml::Value::Table(inner)) = (self.manual.is_section(&key), value) {
                self.check(layer, &format!("{key}."), inner)?;
            } else {
                return Err(self.unknown(layer, &key));
            }
        }
        unset.iter().for_each(|name| drop(table.remove(name)));
        Ok(())
    }

    fn check_members(&self, layer: &str, key: &str, value: &mut toml::Value) -> Result<(), ConfigError> {
        match value.as_array_mut() {
            Some(items) if key == manual::ENDPOINTS => items
                .iter_mut()
                .filter_map(toml::Value::as_table_mut)
                .try_for_each(|table| self.check(layer, &format!("{key}[]."), table)),
            _ => Ok(()),
        }
    }

    /// The error for a key nobody knows.
    pub(super) fn unknown(&self, layer: &str, key: &str) -> ConfigError {
        let what = if self.manual.is_section(key) { "is a section, not a value" } else { "is not a known key" };
        let hint = self.manual.suggestion(key);
        ConfigError::new(format!("{} ({layer}) {what}{hint}", key.replace("[]", "")))
    }

    /// What all layers say together.
    pub(super) fn raw(&self) -> Result<Raw, ConfigError> {
        // The checks above leave nothing to go wrong here; should it, the path is told and the value is not.
        self.figment.extract().map_err(|error| {
            let key = error.path.join(".");
            self.refuse(&key, "has a value of the wrong kind")
        })
    }

    /// A key's merged value; `section.list[2].key` looks into a list.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
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

    /// The layer that set this value.
    pub(super) fn origin(&self, value: &Value) -> String {
        let metadata = self.figment.get_metadata(value.tag());
        metadata.map_or_else(|| "unknown".to_owned(), |metadata| metadata.name.clone().into_owned())
    }

    /// `key = value (layer)`, masked.
    pub(super) fn stated(&self, key: &str) -> String {
        match self.value(key) {
            Some(value) => format!("{key} = {} ({})", printed(key, &value), self.origin(&value)),
            None => key.to_owned(),
        }
    }

    /// The error that says why this key's value cannot be used.
    pub(super) fn refuse(&self, key: &str, why: impl fmt::Display) -> ConfigError {
        ConfigError::new(format!("{} {why}", self.stated(key)))
    }
}

fn is_empty(value: &toml::Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

fn misfit(layer: &str, key: &str, kind: Kind, value: &toml::Value) -> ConfigError {
    let shown = Value::serialize(value).map(|value| format!(" = {}", printed(key, &value))).unwrap_or_default();
    ConfigError::new(format!("{}{shown} ({layer}) {}", key.replace("[]", ""), kind.wanted()))
}
