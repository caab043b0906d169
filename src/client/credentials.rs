//! What makes a client that client, in a file that its owner alone can read.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};

/// A client's credentials, and where its sidecar is. Their `Debug` shows no secret.
#[derive(Clone, Deserialize, Serialize, PartialEq, Eq)]
pub struct SavedCredentials {
    /// Where the sidecar is, as [`Connection::to`](super::SidecarConnection::to) takes it.
    #[serde(default)]
    pub url: String,
    /// The id.
    pub client_id: String,
    /// The key, 32 bytes in base64.
    pub personal_token: String,
    /// The token for `Authorization`.
    pub api_token: String,
}

/// Why credentials cannot be had from a file, or put there.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// There is no such file.
    #[error("there are no credentials in {}", .0.display())]
    Missing(PathBuf),
    /// Others can read it.
    #[error("others can read {path}: chmod 600 {path}", path = .0.display())]
    Exposed(PathBuf),
    /// It holds something else.
    #[error("{} holds no credentials", .0.display())]
    Unreadable(PathBuf),
    /// The system does not let us.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl SavedCredentials {
    /// Those in a file.
    ///
    /// # Errors
    /// There is none, others may read it, or it holds something else.
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

    /// Puts them into a file of mode 0600, in place of whatever is there.
    ///
    /// # Errors
    /// The file or its folder cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), CredentialsError> {
        self.write(path).map_err(|error| CredentialsError::Io { path: path.to_owned(), error })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // A reader sees the old file or the new one, and nobody ever sees one with another mode.
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
        formatter.debug_struct("Credentials").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}
