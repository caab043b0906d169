//! No file depends on the machine that it was written on.

use std::fs;
use std::path::Component;

use super::{files, root};

/// Folders that every Linux has. A path in another top-level folder belongs to one machine.
const STANDARD: [&str; 12] = ["bin", "dev", "etc", "home", "opt", "proc", "run", "srv", "tmp", "usr", "var", "root"];

/// The home folder in examples.
const EXAMPLE: &str = "/home/till/";

/// The beginnings of paths that exist only on some machine: home folders, and the place of this checkout.
fn machine_paths() -> Vec<String> {
    let top = root().components().find_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    let checkout = match top {
        Some(top) if !STANDARD.contains(&top) => format!("/{top}/"),
        _ => root().display().to_string(),
    };
    let homes = ["home", "root", "Users"].map(|folder| format!("/{folder}/"));
    homes.into_iter().chain([checkout]).collect()
}

/// The machine path in a line, if there is one. A path that only ends like one, as in `a/home/b`, is none.
fn machine_path<'a>(line: &str, paths: &'a [String]) -> Option<&'a str> {
    let line = line.replace(EXAMPLE, "");
    let begins = |at: usize| !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.}*".contains(before));
    paths.iter().map(String::as_str).find(|path| line.match_indices(path).any(|(at, _)| begins(at)))
}

#[test]
fn no_file_has_a_path_of_a_machine() {
    let paths = machine_paths();
    let mut faults = Vec::new();
    let mut checked = 0;
    for file in files() {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        checked += 1;
        for (index, line) in text.lines().enumerate() {
            if let Some(path) = machine_path(line, &paths) {
                faults.push(format!("{}:{}: {path}", file.display(), index + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 400, "only {checked} text files");
}

#[test]
fn path_of_a_machine_is_found() {
    let paths = ["/site/", "/place/"].map(str::to_owned);
    let place = "/place/ada/x";
    for (line, found) in [
        (format!("see {place}"), Some("/place/")),
        ("cd '/site/a'".to_owned(), Some("/site/")),
        ("in a/site/b and ../site/c".to_owned(), None),
        (format!("in {EXAMPLE}client.json"), None),
    ] {
        assert_eq!(machine_path(&line, &paths), found, "{line}");
    }
}
