//! `presence-sidecar client`: the options of its command line.

use std::path::Path;
use std::process::Output;

use presence_sidecar::client::SavedCredentials;
use tempfile::TempDir;

use super::{program, text_of};

const ID: &str = "0b2c8a6e-5a3f-4a51-9d57-2f6f4c1f7a10";

fn client(arguments: &[&str]) -> Output {
    program(&[&["client"], arguments].concat()).output().unwrap()
}

/// A file of credentials.
fn saved(folder: &Path) -> String {
    let [url, personal_token, api_token] = ["http://127.0.0.1:9", "the-key", "the-token"].map(str::to_owned);
    let file = folder.join("till-1.json");
    SavedCredentials { url, client_id: ID.to_owned(), personal_token, api_token }.save(&file).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn options_of_all_commands_are_taken_before_and_after_the_command() {
    let folder = TempDir::new().unwrap();
    let file = saved(folder.path());
    let expected = format!("{{\"client_id\":\"{ID}\",\"url\":\"http://127.0.0.1:9\"}}\n");
    for arguments in [
        ["--credentials", &file, "--json", "whoami"],
        ["--credentials", &file, "whoami", "--json"],
        ["--json", "whoami", "--credentials", &file],
        ["whoami", "--credentials", &file, "--json"],
    ] {
        let output = client(&arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text_of(&output));
        assert_eq!(text_of(&output), expected, "{arguments:?}");
    }
    let missing = folder.path().join("missing.json");
    let output = client(&["--credentials", missing.to_str().unwrap(), "whoami", "--credentials", &file, "--json"]);
    assert_eq!(text_of(&output), expected, "the one after the command has precedence");
}

#[test]
fn options_that_a_command_does_not_have_are_refused_before_it() {
    for (arguments, option) in [
        (&["--once", "whoami"][..], "--once"),
        (&["--once", "send", "hello"], "--once"),
        (&["--to", ID, "whoami"], "--to"),
        (&["--type", "note", "rotate"], "--type"),
    ] {
        let output = client(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text_of(&output));
        assert!(text_of(&output).contains(&format!("has no option '{option}'")), "{}", text_of(&output));
    }
}

#[test]
fn recipient_that_is_no_client_id_is_refused() {
    let folder = TempDir::new().unwrap();
    let file = saved(folder.path());
    let list = format!("{ID},till 2");
    for (to, wrong) in [("nope", "nope"), (list.as_str(), "till 2")] {
        for arguments in [&["send", "hello", "--to", to][..], &["--to", to, "send", "hello"], &["--once", "--to", to]] {
            let output = client(&[arguments, &["--credentials", file.as_str()]].concat());
            let text = text_of(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
            assert!(text.contains(&format!("'{wrong}'")) && text.contains("a client id is a UUID"), "{text}");
        }
    }
}
