//! Commands that need the secrets of the sidecar, in another folder than its own.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{program, text_of};

#[test]
fn command_in_another_folder_names_the_missing_secrets_and_what_to_set() {
    let folder = TempDir::new().unwrap();
    let elsewhere = folder.path().canonicalize().unwrap();
    let text = |arguments: &[&str], storage: Option<&PathBuf>| {
        let mut command = program(arguments);
        command.current_dir(&elsewhere).envs(storage.map(|storage| ("PRESENCE_STORAGE", storage)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text_of(&output));
        text_of(&output)
    };
    let other = elsewhere.join("other");
    for arguments in [&["presence", "counts"][..], &["webhooks", "list"], &["rotate", "token"], &["doctor"]] {
        for (storage, place) in [(None, elsewhere.join("storage")), (Some(&other), other.clone())] {
            let text = text(arguments, storage);
            let file = place.join("secrets.env");
            assert!(text.contains(&format!("{} does not exist: ", file.display())), "{arguments:?}: {text}");
            assert!(text.contains("set PRESENCE_STORAGE or --config"), "{arguments:?}: {text}");
        }
    }
    let counts = text(&["presence", "counts"], None);
    assert!(counts.contains("auth.tokens is empty") && counts.contains("or set PRESENCE_TOKEN or --token"), "{counts}");

    fs::create_dir(&other).unwrap();
    fs::write(other.join("secrets.env"), "# no token\n").unwrap();
    let counts = text(&["presence", "counts"], Some(&other));
    assert!(counts.contains("auth.tokens is empty: set PRESENCE_TOKEN"), "{counts}");
}
