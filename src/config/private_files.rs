//! The modes of the sidecar's own files: nobody but its user reads secrets, messages and presence.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The name of the database file in the storage folder.
pub(super) const DATABASE: &str = "sidecar.sqlite";

/// The files that make a folder a storage folder.
const FILES: [&str; 2] = ["secrets.env", DATABASE];

/// The beginnings of the names that a storage folder of its own has.
const OWN: [&str; 3] = ["secrets.env", DATABASE, ".git"];

/// The folder in Laravel's `storage/`, which other users of the app read, and whose `.gitignore` is not the sidecar's.
const IN_LARAVEL: &str = "presence-sidecar";

/// The folder of the sidecar's own files for the configured one: a folder in it if it is a Laravel app's `storage/`, unless
/// it has such files already.
pub(super) fn storage_folder(configured: &Path) -> PathBuf {
    let has_files = FILES.iter().any(|name| configured.join(name).exists());
    match is_of_laravel(configured) && !has_files {
        true => configured.join(IN_LARAVEL),
        false => configured.to_owned(),
    }
}

fn is_of_laravel(folder: &Path) -> bool {
    ["framework", "logs"].iter().all(|name| folder.join(name).is_dir())
}

/// Creates a folder that only its owner can enter, with a `.gitignore` for all of it. Leaves an existing folder as it is.
///
/// # Errors
/// The folder cannot be created.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    ignore_in_git(folder, "*\n")
}

/// Makes a storage folder with files of the sidecar private: one without other files gets the mode 0700 and a `.gitignore`; in that of a
/// Laravel app, the sidecar's files are ignored by Git. Returns a warning if other users can replace its files.
pub fn protect_folder(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if !names.iter().any(|name| FILES.contains(&name.as_str())) {
        return None;
    }
    let is_own = |name: &String| OWN.iter().any(|own| name.starts_with(own));
    if names.iter().all(is_own) {
        // A read-only folder stays as it is; its mode is then the matter of whoever made it so.
        _ = ignore_in_git(folder, "*\n");
        _ = restrict(folder, 0o700);
    } else if is_of_laravel(folder) {
        _ = ignore_in_git(folder, "/secrets.env*\n/sidecar.sqlite*\n");
    }
    let mode = fs::metadata(folder).ok()?.permissions().mode() & 0o7777;
    let folder = folder.display();
    // Others cannot replace files of a folder with the sticky bit.
    (mode & 0o022 != 0 && mode & 0o1000 == 0).then(|| {
        format!(
            "storage = {folder} has mode {mode:04o}, so other users can replace the sidecar's files in it: chmod 700 {folder}, \
             or set PRESENCE_STORAGE to a folder of its own"
        )
    })
}

/// Gives an SQLite file and the files beside it the mode 0600, if they have a wider one.
///
/// # Errors
/// The mode of a file cannot be changed.
pub fn protect_database(file: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        match restrict(Path::new(&name), 0o600) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Takes away what `mode` does not permit.
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    let found = fs::metadata(path)?.permissions().mode() & 0o7777;
    if found & !mode == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(found & mode)) }
}

fn ignore_in_git(folder: &Path, patterns: &str) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(folder.join(".gitignore"));
    match file {
        Ok(mut file) => file.write_all(patterns.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
