//! Files as text.

use std::path::Path;
use std::{fs, io};

use super::error::{ConfigError, Result};

/// Reads a text.
///
/// # Errors
/// The file does not exist, cannot be read, or is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

/// The error of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> ConfigError {
    let problem = match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    ConfigError::new(format!("{} {problem}", path.display()))
}
