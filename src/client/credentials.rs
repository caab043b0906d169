//! Saved credentials, in a file that only its owner can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};

/// The credentials of a client and the address of its sidecar. `Debug` shows no secret.
#[derive(Clone, Deserialize, Serialize, PartialEq, Eq)]
pub struct SavedCredentials {
    /// The address of the sidecar, as [`SidecarConnection::to`](super::SidecarConnection::to) takes it.
    #[serde(default)]
    pub url: String,
    /// The id of the client.
    pub client_id: String,
    /// The key, 32 bytes in base64.
    pub personal_token: String,
    /// The token for `Authorization`.
    pub api_token: String,
}

/// The reason why credentials cannot be loaded or saved.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file does not exist.
    #[error("there are no credentials in {}", .0.display())]
    Missing(PathBuf),
    /// Other users can read the file.
    #[error("other users can read {path}: chmod 600 {path}", path = .0.display())]
    Exposed(PathBuf),
    /// The file is not a file of credentials.
    #[error("{} contains no credentials", .0.display())]
    Unreadable(PathBuf),
    /// Reading or writing failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
}

impl SavedCredentials {
    /// Loads the credentials from a file.
    ///
    /// # Errors
    /// The file does not exist, other users can read it, or it contains something else.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => CredentialsError::Missing(path.to_owned()),
            _ => CredentialsError::Io { path: path.to_owned(), error },
        };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(CredentialsError::Exposed(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        serde_json::from_str(&text).map_err(|_| CredentialsError::Unreadable(path.to_owned()))
    }

    /// Saves the credentials to a file with mode 0600, and replaces what is there.
    ///
    /// # Errors
    /// The file or its directory cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), CredentialsError> {
        self.write(path).map_err(|error| CredentialsError::Io { path: path.to_owned(), error })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // Written to another file and renamed: a reader sees the old content or the new one, and never another mode.
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = serde_json::to_writer_pretty(&mut file, self).map_err(io::Error::from);
        let moved = written.and_then(|()| file.write_all(b"\n")).and_then(|()| fs::rename(&draft, path));
        if moved.is_err() {
            _ = fs::remove_file(&draft);
        }
        moved
    }
}

impl fmt::Debug for SavedCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SavedCredentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
