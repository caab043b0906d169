//! The error of the configuration.

use std::fmt;

/// The result of reading or resolving a part of the configuration.
pub type Result<T, E = ConfigError> = std::result::Result<T, E>;

/// One line for the operator: the key, the origin of its value, and what to do. It never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    /// An error with this sentence; control characters, which could break the line, are removed.
    pub(in crate::config) fn new(sentence: impl fmt::Display) -> Self {
        let sentence = sentence.to_string();
        Self(sentence.split(char::is_control).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
