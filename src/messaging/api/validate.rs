//! Laravel's validator, as far as these requests need it: its rules, its sentences, its order.

use indexmap::IndexMap;

use super::fields::{Field, Fields};
use crate::http::ApiError;
use crate::laravel::trim::trim;
use crate::messaging::domain::{ClientId, Fingerprint, integer};
use crate::php::{ArrayKey, Value};

/// Laravel's `max:255`.
const LONGEST: usize = 255;

/// Fields under validation; errors gather until [`finish`](Validator::finish).
pub(super) struct Validator<'a> {
    fields: &'a Fields,
    errors: IndexMap<String, Vec<String>>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(fields: &'a Fields) -> Self {
        Self { fields, errors: IndexMap::new() }
    }

    /// What was made of the fields, if there was nothing to complain of.
    pub(super) fn finish<T>(self, made: Option<T>) -> Result<T, ApiError> {
        match made {
            Some(made) if self.errors.is_empty() => Ok(made),
            _ => Err(ApiError::Invalid(self.errors.into_iter().collect())),
        }
    }

    fn refuse<T>(&mut self, field: &str, rest: &str) -> Option<T> {
        // Laravel writes names of its own making as they are.
        let label = if field.contains('.') { field.to_owned() } else { field.replace('_', " ") };
        self.errors.entry(field.to_owned()).or_default().push(format!("The {label} field {rest}"));
        None
    }

    fn required(&mut self, name: &str) -> Option<&'a Field> {
        match self.fields.get(name).filter(|field| !is_empty(&field.value)) {
            Some(field) => Some(field),
            None => self.refuse(name, "is required."),
        }
    }

    fn string(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        value.as_str().or_else(|| self.refuse(name, "must be a string."))
    }

    fn short(&mut self, name: &str, value: &'a Value, of: impl Fn(&'a str) -> &'a str) -> Option<&'a str> {
        let text = of(self.string(name, value)?);
        if text.chars().count() > LONGEST {
            return self.refuse(name, "must not be greater than 255 characters.");
        }
        Some(text)
    }

    /// A text that may be missing, trimmed. The outer `None` is an error.
    #[expect(clippy::option_option, reason = "missing is not wrong")]
    pub(super) fn optional_name(&mut self, name: &str) -> Option<Option<&'a str>> {
        match self.fields.get(name).filter(|field| !is_blank(&field.value)) {
            Some(field) => self.short(name, &field.value, trim).map(Some),
            None => Some(None),
        }
    }

    /// A fingerprint, trimmed.
    pub(super) fn fingerprint(&mut self, name: &str) -> Option<Fingerprint> {
        let field = self.required(name)?;
        Fingerprint::new(self.short(name, &field.value, trim)?)
    }

    /// A text of at most 255 characters, as it is.
    pub(super) fn kind(&mut self, name: &str) -> Option<&'a str> {
        let field = self.required(name)?;
        self.short(name, &field.value, |text| text)
    }

    /// A text, as it is.
    pub(super) fn text(&mut self, name: &str) -> Option<&'a str> {
        let field = self.required(name)?;
        self.string(name, &field.value)
    }

    /// An object or a list with something in it.
    pub(super) fn filled(&mut self, name: &str) -> Option<&'a Field> {
        let field = self.required(name)?;
        if field.value.as_array().is_some() { Some(field) } else { self.refuse(name, "must be an array.") }
    }

    /// An object or a list that may be missing but not be null. The outer `None` is an error.
    #[expect(clippy::option_option, reason = "missing is not wrong")]
    pub(super) fn optional_array(&mut self, name: &str) -> Option<Option<&'a Field>> {
        match self.fields.get(name) {
            Some(field) if field.value.as_array().is_some() => Some(Some(field)),
            None if !self.fields.has(name) => Some(None),
            _ => self.refuse(name, "must be an array."),
        }
    }

    /// The clients' ids in a list. Laravel looks at what is in a list once it has looked at all fields.
    pub(super) fn ids(&mut self, name: &str, list: &Field) -> Option<Vec<ClientId>> {
        let ids = list.value.as_array()?;
        let parsed = ids.iter().map(|(key, id)| {
            let place = match key {
                ArrayKey::Int(number) => number.to_string(),
                ArrayKey::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            };
            let parsed = id.as_str().map(trim).and_then(ClientId::parse);
            parsed.or_else(|| self.refuse(&format!("{name}.{place}"), "must be a valid UUID."))
        });
        // All of them are checked before the first that is wrong ends it.
        parsed.collect::<Vec<_>>().into_iter().collect()
    }

    /// An integer from 1 on.
    pub(super) fn positive(&mut self, name: &str) -> Option<i64> {
        let field = self.required(name)?;
        let number = integer(&field.value);
        if number.is_none() {
            self.refuse::<()>(name, "must be an integer.");
        }
        if number.map_or_else(|| is_below_one(&field.value), |number| number < 1) {
            return self.refuse(name, "must be at least 1.");
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

/// What Laravel compares with `min:1` in a value that is no integer: a number is a number, and `false` a text of no letters.
fn is_below_one(value: &Value) -> bool {
    match value {
        Value::Float(number) => *number < 1.0,
        Value::String(_) => {
            value.as_str().and_then(|text| trim(text).parse::<f64>().ok()).is_some_and(|number| number < 1.0)
        }
        Value::Bool(yes) => !yes,
        Value::Null | Value::Int(_) | Value::Array(_) | Value::Object(_) => false,
    }
}
