//! Why the configuration cannot be used.

use std::fmt;

/// One line for the operator: the key, where its value came from, and what to do. It never contains a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    /// An error of this sentence; whatever would break the line is taken out.
    pub(super) fn new(sentence: impl fmt::Display) -> Self {
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
