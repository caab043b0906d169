//! Arrows between modules point down, and nowhere else.

use std::fs;
use std::path::Path;

use crate::support::fixture;

/// Who may use whom: each module, and the modules below it that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("laravel", &[]),
    ("config", &["laravel"]),
    ("backend", &[]),
    ("database", &["config", "backend"]),
    ("telemetry", &["config"]),
    ("group", &["backend"]),
    ("http", &["config"]),
    ("queue", &["backend", "database"]),
    ("presence", &["laravel", "config", "database", "telemetry", "http", "backend", "group", "queue"]),
    ("webhooks", &["laravel", "config", "telemetry", "http", "backend", "queue", "presence"]),
    ("messaging", &["laravel", "config", "database", "telemetry", "http", "backend", "group", "queue"]),
    ("client", &["messaging"]),
    ("console", &["client"]),
    ("app", &["config", "database", "telemetry", "http", "backend", "queue", "presence", "webhooks", "messaging"]),
    (
        "cli",
        &["laravel", "config", "database", "telemetry", "http", "presence", "webhooks", "client", "console", "app"],
    ),
];

/// What the rules, and what stands beside them, may not know.
const WITHIN_WINGS: &[(&str, &[&str])] = &[
    ("presence/model", &["store", "service", "api", "http", "clock", "sweep", "config", "SystemTime", "Instant"]),
    ("presence/store", &["service", "api", "crate::http", "crate::config", "sweep"]),
    ("presence/service.rs", &["super::api", "crate::http"]),
    ("messaging/model", &["store", "service", "api", "http", "config", "seal", "SystemTime", "Instant"]),
    ("messaging/seal", &["store", "service", "api", "http", "config", "SystemTime", "Instant"]),
    ("console/model.rs", &["feed", "screen", "view", "tokio", "chrono", "std::io", "Instant"]),
    ("console/view.rs", &["feed", "screen", "tokio", "chrono", "std::io", "Instant"]),
];

fn sources(path: &Path, found: &mut Vec<(String, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|ending| ending == "rs") {
        found.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }
}

fn sources_of(module: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in [module.to_owned(), format!("{module}.rs")] {
        let path = fixture("../src").join(path);
        if path.exists() {
            sources(&path, &mut found);
        }
    }
    assert!(!found.is_empty(), "{module} has no sources");
    found
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn a_module_names_only_modules_below_it() {
    for (module, below) in ARROWS {
        for (path, text) in sources_of(module) {
            for line in code(&text) {
                for named in line.split("crate::").skip(1) {
                    let named = named.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap();
                    let known = ARROWS.iter().any(|(module, _)| *module == named);
                    assert!(!known || named == *module || below.contains(&named), "{path} uses {named}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_module_of_the_crate_has_its_place() {
    let map = fs::read_to_string(fixture("../src/lib.rs")).unwrap();
    for line in map.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let module = line.trim_end_matches(';');
        assert!(ARROWS.iter().any(|(known, _)| *known == module), "{module} is not in the list of arrows");
    }
}

#[test]
fn rules_know_no_store_no_http_and_no_clock() {
    for (module, unknown) in WITHIN_WINGS {
        for (path, text) in sources_of(module.trim_end_matches(".rs")) {
            for line in code(&text) {
                for word in *unknown {
                    let named = line.trim_start().starts_with("use ") && line.contains(word);
                    assert!(!named, "{path} uses {word}: {line}");
                }
            }
        }
    }
}
