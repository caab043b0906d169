//! In the database of a Laravel app nothing is created before the app's own migrations, and nothing that was not asked for.

use std::path::Path;
use std::process::Command;

use super::wait_until;
use crate::support::{Sidecar, sqlite_run};

/// An app on SQLite with its cache in the database.
fn app() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DB_CONNECTION=sqlite\nCACHE_STORE=database\n").unwrap();
    std::fs::create_dir(folder.path().join("database")).unwrap();
    folder
}

fn tables(file: &Path) -> Vec<String> {
    let printed = sqlite_run(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    printed.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_creates_nothing_before_the_migrations_of_the_app() {
    slow!();
    let app = app();
    let file = app.path().join("database/database.sqlite");
    let sidecar = Sidecar::beside(app.path(), &[]).await;
    assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
    assert!(!file.exists(), "the app creates its file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(sidecar.client.heartbeat(1).await.status, 503);
    assert_eq!(tables(&file), Vec::<String>::new());

    // As `php artisan migrate` does: the table of migrations first, then the others, each with a row.
    sqlite_run(&file, "CREATE TABLE migrations (id integer primary key, migration text, batch integer)");
    let own = || tables(&file).iter().any(|table| table == "sidecar_presence_users");
    wait_until("the sidecar's own tables are created", async || own()).await;
    assert!(!tables(&file).iter().any(|table| table == "cache"), "that of Laravel is left to the app");
    sqlite_run(&file, "CREATE TABLE cache (key text primary key, value text not null, expiration integer not null)");
    sqlite_run(&file, "INSERT INTO migrations (migration, batch) VALUES ('create_cache_table', 1)");
    wait_until("heartbeats are recorded", async || sidecar.client.heartbeat(1).await.status == 200).await;
    let unasked: Vec<String> = tables(&file)
        .into_iter()
        .filter(|table| ["clients", "messages", "message_receipts"].contains(&table.as_str()))
        .collect();
    assert_eq!(unasked, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_creates_the_cache_table_of_an_app_that_has_none() {
    slow!();
    let app = app();
    let file = app.path().join("database/database.sqlite");
    sqlite_run(&file, "CREATE TABLE migrations (id integer primary key, migration text, batch integer)");
    sqlite_run(&file, "INSERT INTO migrations (migration, batch) VALUES ('create_users_table', 1)");
    let sidecar = Sidecar::beside(app.path(), &[]).await;
    wait_until("heartbeats are recorded", async || sidecar.client.heartbeat(1).await.status == 200).await;
    assert!(tables(&file).iter().any(|table| table == "cache"));
}

#[test]
fn migrate_names_the_database_and_waits_for_the_app() {
    let app = app();
    let migrate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        command.args(["migrate", "--laravel"]).arg(app.path()).env_clear();
        command.env("PRESENCE_STORAGE", app.path().join("own")).output().unwrap()
    };
    let file = app.path().join("database/database.sqlite");
    std::fs::write(&file, "").unwrap();
    let refused = String::from_utf8(migrate().stderr).unwrap();
    assert!(refused.contains("has no table migrations") && refused.contains("php artisan migrate"), "{refused}");
    assert_eq!(tables(&file), Vec::<String>::new());
    sqlite_run(&file, "CREATE TABLE migrations (id integer primary key, migration text, batch integer)");
    let migrated = migrate();
    assert!(migrated.status.success(), "{migrated:?}");
    let named = format!("database: the SQLite file {}", file.display());
    assert!(String::from_utf8(migrated.stderr).unwrap().contains(&named));
}

#[test]
fn file_that_is_no_database_stops_the_start_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("garbled.sqlite");
    std::fs::write(&file, "this is no database, whatever its name says").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.args(["serve", "--listen", "127.0.0.1:0"]).env_clear().env("DB_DATABASE", &file);
    let output = command.env("PRESENCE_STORAGE", folder.path()).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let expected = format!("database.database = {}: the file is not an SQLite database", file.display());
    assert!(errors.contains(&expected), "{errors}");
}
