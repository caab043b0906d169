//! Validator that every section uses, each with the error that names key and layer.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::error::ConfigError;
use super::layers::Layers;

impl Layers {
    /// A number within `range`, in the type that the program wants.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        key: &str,
        value: i64,
        range: RangeInclusive<i64>,
    ) -> Result<T, ConfigError> {
        let refused = || self.refuse(key, format!("must be from {} to {}", range.start(), range.end()));
        match range.contains(&value) {
            true => T::try_from(value).map_err(|_| refused()),
            false => Err(refused()),
        }
    }

    /// A span of whole seconds within `range`.
    pub(super) fn seconds(&self, key: &str, value: i64, range: RangeInclusive<i64>) -> Result<Duration, ConfigError> {
        self.number(key, value, range).map(Duration::from_secs)
    }

    /// A text that parses.
    pub(super) fn parse<T: FromStr<Err = String>>(&self, key: &str, text: &str) -> Result<T, ConfigError> {
        text.parse().map_err(|why| self.refuse(key, why))
    }

    /// A list whose every text parses; the error names the one that does not.
    pub(super) fn parse_all<T>(
        &self,
        key: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let each = |text: &String| {
            let why = |why| self.refuse(key, format!("has {}, which {why}", super::printed::quoted(text)));
            parse(text.trim()).map_err(why)
        };
        texts.iter().map(each).collect()
    }
}
