//! Values that are one of a few words: a misspelt one is answered with the nearest.

use std::fmt;
use std::str::FromStr;

use super::Layers;
use super::error::{ConfigError, Result};
use super::schema::nearest_word;

/// `must be a, b or c`.
pub fn must_be(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("must be {} or {last}", first.join(", ")),
        _ => format!("must be {}", words.concat()),
    }
}

impl Layers {
    /// Parses a value that is one of `words`.
    pub fn parse_word<T: FromStr<Err = String>>(&self, key: &str, text: &str, words: &[&str]) -> Result<T> {
        text.parse().map_err(|problem| self.misspelt(key, problem, words))
    }

    /// A list of parsed texts, of which some are, or begin like `word:`, one of `words`.
    pub fn parse_all_words<T>(
        &self,
        key: &str,
        texts: &[String],
        words: &[&str],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        let hint = |text: &str| nearest_word(text.split(':').next().unwrap_or(text), words);
        self.parse_all(key, texts, |text| parse(text).map_err(|problem| format!("{problem}{}", hint(text))))
    }

    /// The error about a value that is none of `words`.
    pub fn not_one_of(&self, key: &str, words: &[&str]) -> ConfigError {
        self.misspelt(key, must_be(words), words)
    }

    /// The same with another sentence. It ends with the word that resembles the value, if there is one.
    pub fn misspelt(&self, key: &str, problem: impl fmt::Display, words: &[&str]) -> ConfigError {
        let hint = self.value(key).and_then(|value| Some(nearest_word(value.as_str()?, words)));
        self.error_at(key, format!("{problem}{}", hint.unwrap_or_default()))
    }
}
