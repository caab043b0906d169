//! The files of a sidecar can be read by its user alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::sqlite_run;

/// A sidecar in a working directory, killed when dropped.
struct Started(Child);

impl Started {
    /// Starts the binary without any configuration but a free port, and waits until `database` is complete.
    fn in_folder(folder: &Path, database: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let started = Self(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !fs::read_to_string(folder.join("log")).unwrap().contains("listening")
            || !folder.join(format!("{database}-wal")).exists()
        {
            assert!(Instant::now() < deadline, "{}", fs::read_to_string(folder.join("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        started
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

fn make(folder: &Path, name: &str, bits: u32) {
    fs::create_dir_all(folder.join(name)).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(bits)).unwrap();
}

/// Waits until the secrets and the three files of the database exist with the mode 0600.
fn assert_private(storage: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    for file in ["secrets.env", "sidecar.sqlite", "sidecar.sqlite-wal", "sidecar.sqlite-shm"] {
        let path = storage.join(file);
        while !path.exists() || mode(&path) != 0o600 {
            assert!(Instant::now() < deadline, "{file} has mode {:04o}", mode(&path));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn first_start_makes_a_private_folder_that_git_ignores() {
    let home = TempDir::new().unwrap();
    let _sidecar = Started::in_folder(home.path(), "storage/sidecar.sqlite");
    let storage = home.path().join("storage");
    assert_eq!(mode(&storage), 0o700);
    assert_eq!(fs::read_to_string(storage.join(".gitignore")).unwrap(), "*\n");
    assert_private(&storage);
}

#[test]
fn looser_modes_of_an_older_version_are_tightened() {
    let home = TempDir::new().unwrap();
    drop(Started::in_folder(home.path(), "storage/sidecar.sqlite"));
    let storage = home.path().join("storage");
    fs::remove_file(storage.join(".gitignore")).unwrap();
    make(home.path(), "storage", 0o755);
    for file in ["sidecar.sqlite", "sidecar.sqlite-wal", "sidecar.sqlite-shm"] {
        fs::set_permissions(storage.join(file), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let _sidecar = Started::in_folder(home.path(), "storage/sidecar.sqlite");
    assert_eq!(mode(&storage), 0o700);
    assert!(storage.join(".gitignore").exists());
    assert_private(&storage);
}

#[test]
fn storage_of_a_laravel_app_gets_a_folder_for_the_sidecar() {
    let app = TempDir::new().unwrap();
    for folder in ["storage/app", "storage/framework", "storage/logs", "storage"] {
        make(app.path(), folder, 0o775);
    }
    let _sidecar = Started::in_folder(app.path(), "storage/presence-sidecar/sidecar.sqlite");
    let (laravel, own) = (app.path().join("storage"), app.path().join("storage/presence-sidecar"));
    assert_eq!((mode(&laravel), mode(&own)), (0o775, 0o700), "the folder of the app stays as it is");
    assert!(!laravel.join("secrets.env").exists());
    assert_eq!(fs::read_to_string(own.join(".gitignore")).unwrap(), "*\n");
    assert_private(&own);
}

#[test]
fn files_of_an_older_version_in_the_storage_of_a_laravel_app_stay_there() {
    let app = TempDir::new().unwrap();
    for folder in ["storage/framework", "storage/logs", "storage"] {
        make(app.path(), folder, 0o775);
    }
    let storage = app.path().join("storage");
    fs::write(storage.join("secrets.env"), "PRESENCE_TOKEN=a-token-of-an-older-version\n").unwrap();
    fs::set_permissions(storage.join("secrets.env"), fs::Permissions::from_mode(0o600)).unwrap();
    let _sidecar = Started::in_folder(app.path(), "storage/sidecar.sqlite");
    assert_eq!(mode(&storage), 0o775);
    assert_private(&storage);
    let ignored = fs::read_to_string(storage.join(".gitignore")).unwrap();
    assert_eq!(ignored, "/secrets.env*\n/sidecar.sqlite*\n");
    let log = fs::read_to_string(app.path().join("log")).unwrap();
    assert!(log.contains("so other users can replace the sidecar's files"), "{log}");
}

#[test]
fn database_of_the_app_keeps_its_mode() {
    let home = TempDir::new().unwrap();
    make(home.path(), "app/database", 0o755);
    fs::write(home.path().join("app/.env"), "APP_KEY=\nDB_CONNECTION=sqlite\n").unwrap();
    let file = home.path().join("app/database/database.sqlite");
    sqlite_run(&file, "CREATE TABLE migrations (id integer primary key, migration text, batch integer)");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .args(["migrate", "--laravel", "app"])
        .env_clear()
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(mode(&file), 0o664);
}
