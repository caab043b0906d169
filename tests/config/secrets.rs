//! Secrets that the first start generates.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use presence_sidecar::config::secrets::{ensure, path};
use secrecy::ExposeSecret;

use super::{Workspace, load_with};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn first_start_generates_secrets_and_the_second_reads_them() {
    let workspace = Workspace::new();
    let storage = workspace.path("deep/storage");
    let text = storage.display().to_string();
    let missing = load_with(&[("PRESENCE_STORAGE", &text)]).config.missing_secrets();
    assert_eq!(missing, ["PRESENCE_TOKEN", "APP_KEY"]);

    let written = ensure(&storage, &missing).unwrap();
    assert_eq!(
        (written.path.clone(), written.names),
        (path(&storage), vec!["PRESENCE_TOKEN".to_owned(), "APP_KEY".to_owned()])
    );
    assert_eq!((mode(&storage), mode(&written.path)), (0o700, 0o600));
    let loaded = load_with(&[("PRESENCE_STORAGE", &text)]);
    assert!(loaded.config.missing_secrets().is_empty());
    assert_eq!(loaded.config.auth.tokens[0].expose_secret().len(), 43);
    assert!(loaded.config.laravel.crypt.is_some(), "Laravel accepts the key");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn second_call_changes_nothing() {
    let workspace = Workspace::new();
    let storage = workspace.path("storage");
    ensure(&storage, &["PRESENCE_TOKEN"]).unwrap();
    let before = fs::read(path(&storage)).unwrap();
    assert!(ensure(&storage, &["PRESENCE_TOKEN"]).unwrap().names.is_empty());
    assert_eq!(fs::read(path(&storage)).unwrap(), before);
}

#[test]
fn missing_names_are_added_and_others_kept() {
    let workspace = Workspace::new();
    let file = workspace.write("storage/secrets.env", "# mine\nPRESENCE_TOKEN=\nPRESENCE_WEBHOOK_SECRET=kept");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let written = ensure(&workspace.path("storage"), &["PRESENCE_TOKEN", "PRESENCE_WEBHOOK_SECRET"]).unwrap();
    assert_eq!(written.names, ["PRESENCE_TOKEN"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("# mine\nPRESENCE_TOKEN=\nPRESENCE_WEBHOOK_SECRET=kept\nPRESENCE_TOKEN="), "{text}");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read_dir(workspace.path("storage")).unwrap().count(), 1, "no temporary file remains");
    let storage = workspace.path("storage").display().to_string();
    assert_eq!(load_with(&[("PRESENCE_STORAGE", &storage)]).config.missing_secrets(), ["APP_KEY"]);
}

#[test]
fn concurrent_starts_generate_one_secret() {
    let workspace = Workspace::new();
    let storage = workspace.path("storage");
    let barrier = Barrier::new(8);
    let names: usize = std::thread::scope(|scope| {
        let starts = (0..8).map(|_| {
            scope.spawn(|| {
                barrier.wait();
                ensure(&storage, &["PRESENCE_TOKEN"]).unwrap().names.len()
            })
        });
        starts.collect::<Vec<_>>().into_iter().map(|start| start.join().unwrap()).sum()
    });
    assert_eq!(names, 1);
    let text = fs::read_to_string(path(&storage)).unwrap();
    assert_eq!(text.matches("PRESENCE_TOKEN=").count(), 1);
}

#[test]
fn leftover_temporary_file_is_replaced() {
    let workspace = Workspace::new();
    workspace.write("storage/secrets.env.new", "half");
    assert_eq!(ensure(&workspace.path("storage"), &["PRESENCE_TOKEN"]).unwrap().names.len(), 1);
    assert!(!workspace.path("storage/secrets.env.new").exists());
}

#[test]
fn secrets_file_readable_by_others_causes_a_warning() {
    let workspace = Workspace::new();
    let file = workspace.write("storage/secrets.env", "PRESENCE_TOKEN=token-token-token\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let storage = workspace.path("storage").display().to_string();
    let warnings = load_with(&[("PRESENCE_STORAGE", &storage)]).warnings;
    assert!(warnings[0].contains("has mode 0640") && warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn secrets_file_sets_only_secrets() {
    let workspace = Workspace::new();
    workspace.write("storage/secrets.env", "PRESENCE_TTL=999\nPRESENCE_WEBHOOK_SECRET=hush\n");
    let storage = workspace.path("storage").display().to_string();
    let pairs = [
        ("PRESENCE_STORAGE", storage.as_str()),
        ("PRESENCE_DRIVER", "webhook"),
        ("PRESENCE_WEBHOOK_URL", "http://a.test"),
    ];
    let config = load_with(&pairs).config;
    assert_eq!(config.cache.ttl_seconds, 120);
    assert_eq!(config.webhook.endpoints[0].secret.as_written().expose_secret(), "hush");
}
