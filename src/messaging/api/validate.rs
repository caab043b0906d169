//! Validation with the rules, messages and order of Laravel's validator, as far as these requests need them.

use indexmap::IndexMap;

use super::fields::{Field, Fields};
use crate::http::ApiError;
use crate::laravel::trim::trim;
use crate::messaging::domain::{ClientId, Fingerprint, parse_integer};
use crate::php::{ArrayKey, Value};

/// Laravel's `max:255`.
const MAX_LENGTH: usize = 255;

/// Validates fields, and collects errors until [`finish`](Validator::finish).
pub(super) struct Validator<'a> {
    fields: &'a Fields,
    errors: IndexMap<String, Vec<String>>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(fields: &'a Fields) -> Self {
        Self { fields, errors: IndexMap::new() }
    }

    /// Returns the valid values, or all errors.
    pub(super) fn finish<T>(self, valid: Option<T>) -> Result<T, ApiError> {
        match valid {
            Some(valid) if self.errors.is_empty() => Ok(valid),
            _ => Err(ApiError::Invalid(self.errors.into_iter().collect())),
        }
    }

    /// Adds an error; `rest` completes the sentence "The … field …".
    fn add_error<T>(&mut self, field: &str, rest: &str) -> Option<T> {
        // Laravel does not change names with indexes, such as `to_client_ids.0`.
        let label = if field.contains('.') { field.to_owned() } else { field.replace('_', " ") };
        self.errors.entry(field.to_owned()).or_default().push(format!("The {label} field {rest}"));
        None
    }

    fn required(&mut self, name: &str) -> Option<&'a Field> {
        match self.fields.get(name).filter(|field| !is_empty(&field.value)) {
            Some(field) => Some(field),
            None => self.add_error(name, "is required."),
        }
    }

    fn string(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        value.as_str().or_else(|| self.add_error(name, "must be a string."))
    }

    fn short_string(&mut self, name: &str, value: &'a Value, map: impl Fn(&'a str) -> &'a str) -> Option<&'a str> {
        let text = map(self.string(name, value)?);
        if text.chars().count() > MAX_LENGTH {
            return self.add_error(name, "must not be greater than 255 characters.");
        }
        Some(text)
    }

    /// An optional string, trimmed. The outer `None` is an error.
    #[expect(clippy::option_option, reason = "a missing field is valid")]
    pub(super) fn optional_name(&mut self, name: &str) -> Option<Option<&'a str>> {
        match self.fields.get(name).filter(|field| !is_blank(&field.value)) {
            Some(field) => self.short_string(name, &field.value, trim).map(Some),
            None => Some(None),
        }
    }

    /// A fingerprint, trimmed.
    pub(super) fn fingerprint(&mut self, name: &str) -> Option<Fingerprint> {
        let field = self.required(name)?;
        Fingerprint::new(self.short_string(name, &field.value, trim)?)
    }

    /// A string of at most 255 characters, not trimmed.
    pub(super) fn kind(&mut self, name: &str) -> Option<&'a str> {
        let field = self.required(name)?;
        self.short_string(name, &field.value, |text| text)
    }

    /// A string, not trimmed.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let field = self.required(name)?;
        self.string(name, &field.value)
    }

    /// An object or a list that is not empty.
    pub(super) fn filled(&mut self, name: &str) -> Option<&'a Field> {
        let field = self.required(name)?;
        if field.value.as_array().is_some() { Some(field) } else { self.add_error(name, "must be an array.") }
    }

    /// An optional object or list, which must not be null. The outer `None` is an error.
    #[expect(clippy::option_option, reason = "a missing field is valid")]
    pub(super) fn optional_array(&mut self, name: &str) -> Option<Option<&'a Field>> {
        match self.fields.get(name) {
            Some(field) if field.value.as_array().is_some() => Some(Some(field)),
            None if !self.fields.has(name) => Some(None),
            _ => self.add_error(name, "must be an array."),
        }
    }

    /// The client ids in a list. Laravel validates the elements of lists after all fields.
    pub(super) fn ids(&mut self, name: &str, list: &Field) -> Option<Vec<ClientId>> {
        let ids = list.value.as_array()?;
        let parsed = ids.iter().map(|(key, id)| {
            let index = match key {
                ArrayKey::Int(number) => number.to_string(),
                ArrayKey::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            };
            let parsed = id.as_str().map(trim).and_then(ClientId::parse);
            parsed.or_else(|| self.add_error(&format!("{name}.{index}"), "must be a valid UUID."))
        });
        // All elements are checked, also after the first invalid one.
        parsed.collect::<Vec<_>>().into_iter().collect()
    }

    /// An integer of at least 1.
    pub(super) fn positive(&mut self, name: &str) -> Option<i64> {
        let field = self.required(name)?;
        let number = parse_integer(&field.value);
        if number.is_none() {
            self.add_error::<()>(name, "must be an integer.");
        }
        if number.map_or_else(|| is_below_one(&field.value), |number| number < 1) {
            return self.add_error(name, "must be at least 1.");
        }
        number
    }
}

/// Laravel's `required`.
fn is_empty(value: &Value) -> bool {
    is_blank(value) || value.as_array().is_some_and(crate::php::Array::is_empty)
}

fn is_blank(value: &Value) -> bool {
    value.as_str().is_some_and(|text| trim(text).is_empty())
}

/// Laravel's `min:1` for a value that is not an integer: compares a float or a numeric string by value, and treats `false` as
/// an empty string.
fn is_below_one(value: &Value) -> bool {
    match value {
        Value::Float(number) => *number < 1.0,
        Value::String(_) => {
            value.as_str().and_then(|text| trim(text).parse::<f64>().ok()).is_some_and(|number| number < 1.0)
        }
        Value::Bool(flag) => !flag,
        Value::Null | Value::Int(_) | Value::Array(_) | Value::Object(_) | Value::Opaque(_) => false,
    }
}
