//! What a backup consists of.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name of the manifest in a backup.
const NAME: &str = "manifest.json";

/// The form of backups that this version writes and reads.
const FORMAT: u32 = 1;

/// The manifest of a backup: what is in it, and what is not.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The form of the backup.
    pub(super) format: u32,
    /// The version of the program that wrote it.
    pub(super) version: String,
    /// The files of the backup.
    pub(super) files: Vec<BackedUpFile>,
    /// What belongs to a backup but is kept elsewhere, each in one sentence.
    pub(super) elsewhere: Vec<String>,
}

/// A file of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BackedUpFile {
    /// Its name in the folder.
    pub(super) name: String,
    /// Its size.
    pub(super) bytes: u64,
    /// The SHA-256 of its content in hexadecimal digits.
    pub(super) sha256: String,
}

impl Manifest {
    /// The manifest of a folder that has these files.
    pub(super) fn of(folder: &Path, names: &[&str], elsewhere: Vec<String>) -> Result<Self, String> {
        let files = names.iter().map(|name| BackedUpFile::read(folder, name)).collect::<Result<_, _>>()?;
        Ok(Self { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), files, elsewhere })
    }

    /// Writes the manifest, after the files are on the disk.
    pub(super) fn write(&self, folder: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())? + "\n";
        let path = folder.join(NAME);
        fs::write(&path, text).map_err(|error| at(&path, &error))?;
        sync(&path)?;
        sync(folder)
    }

    /// Reads the manifest of a backup, and compares all files with it.
    pub(super) fn verify(folder: &Path) -> Result<Self, String> {
        let path = folder.join(NAME);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("{} is no backup of presence-sidecar: {}", folder.display(), at(&path, &error)))?;
        let manifest: Self = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        if manifest.format != FORMAT {
            return Err(format!(
                "{} was written by {}: restore it with that version",
                path.display(),
                manifest.version
            ));
        }
        for file in &manifest.files {
            if BackedUpFile::read(folder, &file.name)?.sha256 != file.sha256 {
                return Err(format!(
                    "{} is not as it was written: the backup is damaged, use another one",
                    folder.join(&file.name).display()
                ));
            }
        }
        Ok(manifest)
    }

    /// Whether the backup has a file.
    pub(super) fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.name == name)
    }
}

impl BackedUpFile {
    fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(name);
        let mut file = File::open(&path).map_err(|error| at(&path, &error))?;
        let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 * 1024]);
        loop {
            match file.read(&mut buffer).map_err(|error| at(&path, &error))? {
                0 => break,
                count => {
                    digest.update(&buffer[..count]);
                    bytes += count as u64;
                }
            }
        }
        Ok(Self { name: name.to_owned(), bytes, sha256: hex::encode(digest.finalize()) })
    }
}

/// An error about a file.
pub(super) fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Waits until a file or folder is on the disk.
pub(super) fn sync(path: &Path) -> Result<(), String> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| at(path, &error))
}

/// Copies a file that nobody but its owner can read, and waits until it is on the disk.
pub(super) fn copy_private(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))?;
    make_private(to)?;
    sync(to)
}

/// Takes the file from other users.
pub(super) fn make_private(path: &Path) -> Result<(), String> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| at(path, &error))
}
