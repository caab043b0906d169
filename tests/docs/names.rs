//! Names in the documentation: configuration keys, environment names, metrics, commands and paths exist.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;
use presence_sidecar::cli::Cli;
use presence_sidecar::config::aliases;
use presence_sidecar::telemetry::catalog::CATALOG;
use serde_json::Value;

use super::{Document, inline_code, read, root};

/// Environment names that are no configuration keys: of commands and of the tests.
const OTHER_VARIABLES: [&str; 8] = [
    "PRESENCE_CHROMEDRIVER",
    "PRESENCE_CONFIG",
    "PRESENCE_SIDECAR_BIN",
    "PRESENCE_SIDECAR_CASES",
    "PRESENCE_SIDECAR_TESTS",
    "PRESENCE_SIDECAR_TOKEN",
    "PRESENCE_SIDECAR_TESTS_ENGINES",
    "PRESENCE_SIDECAR_URL",
];

/// The documents about the sidecar as it is. The PHP package has keys of its own, and a changelog also names old ones.
fn documents() -> impl Iterator<Item = Document> {
    let is_current = |path: &Path| !path.starts_with("php-bridge") && path != Path::new("CHANGELOG.md");
    Document::all().into_iter().filter(move |document| is_current(&document.path))
}

/// Every key of the manual, and every section.
fn keys() -> BTreeSet<String> {
    let manual = read("config/presence.toml");
    let (mut keys, mut section) = (BTreeSet::new(), String::new());
    for line in manual.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
            keys.insert(section.clone());
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| line.starts_with(char::is_alphabetic)) {
            keys.insert(if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") });
        }
    }
    keys
}

/// Checks everything in inline code that `is_wrong` finds something wrong with, and that enough was checked.
fn check_code(least: usize, is_wrong: impl Fn(&str) -> Option<bool>) {
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        for line in document.prose() {
            for code in inline_code(&line.text).0 {
                let Some(is_wrong) = is_wrong(code) else { continue };
                checked += 1;
                if is_wrong {
                    wrong.push(format!("{}:{}: {code}", document.path.display(), line.number));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= least, "only {checked} checked");
}

#[test]
fn every_configuration_key_exists() {
    let keys = keys();
    let sections: BTreeSet<&str> = keys.iter().filter_map(|key| key.split_once('.')).map(|(first, _)| first).collect();
    check_code(30, |code| {
        let key = code.split(" = ").next().unwrap().trim_matches(['[', ']']);
        let is_name =
            |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        let is_file = [".toml", ".php", ".json", ".yaml"].iter().any(|ending| key.ends_with(ending));
        let first = key.split_once('.').filter(|_| key.split('.').all(is_name) && !is_file)?.0;
        sections.contains(first).then(|| !keys.contains(key))
    });
}

#[test]
fn every_environment_name_exists() {
    let families = ["PRESENCE_", "REDIS_", "CACHE_", "APP_", "DB_", "ADMIN_", "OPERATOR_", "QUEUE_"];
    let keys = keys();
    let exists = |name: &str| match name.strip_prefix("PRESENCE__") {
        Some("SECTION__KEY") => true,
        Some(key) => keys.contains(&key.to_lowercase().replace("__", ".")),
        None => OTHER_VARIABLES.contains(&name) || aliases().any(|alias| alias.name == name),
    };
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        for line in &document.lines {
            let words = line.text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            for word in words.filter(|word| families.iter().any(|family| word.starts_with(family))) {
                checked += 1;
                if !exists(word) {
                    wrong.push(format!("{}:{}: {word}", document.path.display(), line.number));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 60, "only {checked} names");
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    let known: BTreeSet<&str> = CATALOG.iter().map(|metric| metric.name).collect();
    let former: BTreeSet<&str> = CATALOG.iter().filter_map(|metric| metric.former).collect();
    let is_metric = |word: &str| {
        ["presence_", "messaging_", "process_"].iter().any(|prefix| word.starts_with(prefix)) && !word.ends_with('_')
    };
    let guide = Document::read(Path::new("docker/README.md"));
    let lines = guide.prose().map(|line| inline_code(&line.text).0.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let documented: BTreeSet<String> = lines.flatten().filter(|code| is_metric(code)).collect();
    assert!(known.len() > 40, "{known:?}");
    for name in &documented {
        assert!(known.contains(name.as_str()) || former.contains(name.as_str()), "{name} does not exist");
    }
    for name in known.iter().chain(&former) {
        assert!(documented.contains(*name), "{name} is not documented");
    }
}

/// The words of a command line, without variables before it and what a shell does with its output.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" | ").next().unwrap().trim_end_matches(" &");
    let parts = line.split('\'').enumerate();
    let mut words: Vec<String> = parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect();
    words.drain(..words.iter().take_while(|word| word.contains('=')).count());
    words
}

#[test]
fn every_command_is_understood() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for document in documents() {
        for line in &document.lines {
            let commands: Vec<&str> = match line.code.as_deref() {
                Some("console") => line.text.strip_prefix("$ ").into_iter().collect(),
                Some("sh") => vec![&line.text],
                Some(_) => Vec::new(),
                None => inline_code(&line.text).0,
            };
            for words in
                commands.into_iter().map(words).filter(|words| words.len() > 1 && words[0] == "presence-sidecar")
            {
                checked += 1;
                if let Err(error) = Cli::try_parse_from(&words) {
                    wrong.push(format!("{}:{}: {error}", document.path.display(), line.number));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 25, "only {checked} commands");
}

#[test]
fn every_path_of_the_repository_exists() {
    let folders = ["src/", "config/", "docker/", "openapi/", "php-bridge/", "tests/"];
    check_code(20, |code| {
        let path = code.split_whitespace().next()?;
        folders.iter().any(|folder| path.starts_with(folder)).then(|| !root().join(path).exists())
    });
}

#[test]
fn every_operation_exists_and_is_in_the_api_guide() {
    let document: Value = serde_json::from_str(&read("openapi/presence-sidecar.json")).unwrap();
    let operations: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| (method, path)))
        .map(|(method, path)| format!("{} {path}", method.to_uppercase()))
        .collect();
    let operation = |code: &str| {
        let (method, path) = code.split_once(' ')?;
        let is_method = ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        (is_method && path.starts_with("/api/")).then(|| code.split('?').next().unwrap().to_owned())
    };
    check_code(25, |code| operation(code).map(|operation| !operations.contains(&operation)));
    let guide = Document::read(Path::new("openapi/README.md"));
    let documented: BTreeSet<String> = guide
        .prose()
        .flat_map(|line| inline_code(&line.text).0.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let is_documented = |name: &str| documented.iter().any(|code| code.split('?').next() == Some(name));
    let missing: Vec<&String> = operations.iter().filter(|name| !is_documented(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
