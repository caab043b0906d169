//! The checks that several sections use; each error names key and layer.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::error::Result;
use super::{Layers, redact};

/// What certificates and keys in PEM format begin with.
const PEM: &[u8] = b"-----BEGIN ";

impl Layers {
    /// The content of the PEM file that a key names.
    ///
    /// # Errors
    /// The file cannot be read, or has nothing in PEM format.
    pub fn certificates(&self, key: &str, path: &str) -> Result<Vec<u8>> {
        match std::fs::read(path) {
            Ok(pem) if pem.windows(PEM.len()).any(|bytes| bytes == PEM) => Ok(pem),
            Ok(_) => Err(self.error_at(key, "has nothing in PEM format")),
            Err(error) => Err(self.error_at(key, format!("cannot be read: {error}"))),
        }
    }

    /// A number within `range`, converted to `T`.
    pub fn number<T: TryFrom<i64>>(&self, key: &str, value: i64, range: RangeInclusive<i64>) -> Result<T> {
        let invalid = || self.error_at(key, format!("must be from {} to {}", range.start(), range.end()));
        match range.contains(&value) {
            true => T::try_from(value).map_err(|_| invalid()),
            false => Err(invalid()),
        }
    }

    /// A number of seconds within `range`.
    pub fn seconds(&self, key: &str, value: i64, range: RangeInclusive<i64>) -> Result<Duration> {
        self.number(key, value, range).map(Duration::from_secs)
    }

    /// A number of days within `range`.
    pub fn days(&self, key: &str, value: i64, range: RangeInclusive<i64>) -> Result<Duration> {
        self.number(key, value, range).map(|days: u64| Duration::from_secs(days * 86_400))
    }

    /// A parsed text.
    pub fn parse<T: FromStr<Err = String>>(&self, key: &str, text: &str) -> Result<T> {
        text.parse().map_err(|problem| self.error_at(key, problem))
    }

    /// A list of parsed texts; the error names the invalid one.
    pub fn parse_all<T>(
        &self,
        key: &str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>> {
        let each = |text: &String| {
            let error = |problem| self.error_at(key, format!("has {}, which {problem}", redact::quote(text)));
            parse(text.trim()).map_err(error)
        };
        texts.iter().map(each).collect()
    }
}

/// Whether `name` can be the name of a header (`token` of RFC 9110).
pub fn is_token(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

/// Whether `name` has only characters that table names may have; true for an empty name.
pub fn is_identifier(name: &str) -> bool {
    name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// The sentence for text that is no URL. It has nothing of the text, which may contain a password.
pub fn invalid_url(error: url::ParseError) -> String {
    format!("is not a valid URL ({error}): the characters / ? # @ % of a user name or password must be percent-encoded")
}

/// Decodes a part of a URL.
pub fn percent_decode(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Cow::into_owned).map_err(|_| "must be valid UTF-8 after percent-decoding".to_owned())
}
