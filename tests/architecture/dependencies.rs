//! Every crate that `Cargo.toml` names is used.

use std::fs;

use super::source::files;
use crate::support::fixture;

/// Crates that are named for a feature alone: the lines of a syntax tree.
const FOR_FEATURES: [&str; 1] = ["proc-macro2"];

/// The name of a crate in code, where it is not the one of the package.
fn name_in_code(package: &str) -> String {
    match package {
        "md-5" => "md5".to_owned(),
        other => other.replace('-', "_"),
    }
}

fn named_in(section: &str) -> Vec<String> {
    let manifest: toml::Table = fs::read_to_string(fixture("../Cargo.toml")).unwrap().parse().unwrap();
    manifest[section].as_table().unwrap().keys().cloned().collect()
}

/// Those of `packages` that no text has a path into.
fn unused(packages: Vec<String>, texts: &[String]) -> Vec<String> {
    let is_used = |package: &String| {
        let path = format!("{}::", name_in_code(package));
        let begins = |text: &str, at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        texts.iter().any(|text| text.match_indices(&path).any(|(at, _)| begins(text, at)))
    };
    packages.into_iter().filter(|package| !is_used(package)).collect()
}

#[test]
fn every_dependency_is_used() {
    let texts: Vec<String> = files().into_iter().map(|file| file.text).collect();
    assert_eq!(unused(named_in("dependencies"), &texts), Vec::<String>::new());
}

#[test]
fn every_dependency_of_the_tests_is_used() {
    let found = unused(named_in("dev-dependencies"), &test_texts());
    assert_eq!(found, FOR_FEATURES);
}

#[test]
fn unused_dependency_is_found() {
    assert_eq!(unused(vec!["tar".to_owned()], &["use guitar::Chord; use tarot;".to_owned()]), ["tar"]);
}

/// The texts of all files of the tests.
fn test_texts() -> Vec<String> {
    fn add(folder: &std::path::Path, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, texts);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    add(&fixture(""), &mut texts);
    texts
}
