//! Imports between modules point one way: from a feature to what all features share, and within a feature from the
//! outer layer to the inner one. No files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::source::{Exports, ModulePath, SourceFile, defining_module, files, references};

/// Which modules each top-level module may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("php", &[]),
    ("laravel", &["php"]),
    ("egress", &[]),
    ("config", &["php", "laravel", "egress"]),
    ("telemetry", &["config", "trace"]),
    ("storage", &["config"]),
    ("queue", &["storage"]),
    ("trace", &[]),
    ("http", &["config", "telemetry", "trace"]),
    ("presence", &["php", "laravel", "config", "telemetry", "storage", "queue", "http", "trace"]),
    ("webhooks", &["php", "laravel", "egress", "config", "telemetry", "storage", "queue", "http", "presence", "trace"]),
    ("broadcast", &["egress", "config", "telemetry", "storage", "queue", "presence", "webhooks"]),
    ("messaging", &["php", "laravel", "config", "telemetry", "storage", "queue", "http"]),
    ("admin_page", &["http"]),
    (
        "app",
        &[
            "admin_page",
            "egress",
            "config",
            "telemetry",
            "storage",
            "queue",
            "http",
            "presence",
            "webhooks",
            "broadcast",
            "messaging",
        ],
    ),
    ("client", &["messaging"]),
    ("tui", &["client"]),
    (
        "cli",
        &[
            "php",
            "laravel",
            "egress",
            "config",
            "telemetry",
            "storage",
            "http",
            "presence",
            "webhooks",
            "broadcast",
            "app",
            "client",
            "tui",
        ],
    ),
];

/// The layers of each feature, and for each the layers and shared modules that it must not use.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &["store", "service", "api", "worker", "admin", "client", "http", "storage", "queue", "telemetry"]),
    ("seal", &["store", "service", "api", "worker", "http", "storage", "queue", "telemetry", "config"]),
    ("store", &["service", "api", "worker", "http", "config"]),
    ("service", &["api", "worker", "http"]),
    ("worker", &["api", "http"]),
    ("api", &["worker"]),
];

/// The features, whose layers follow [`LAYERS`].
const FEATURES: &[&str] = &["presence", "webhooks", "broadcast", "messaging"];

/// What pure code must not mention: clocks, sockets, files.
const IMPURE: &[&str] = &["SystemTime::now", "Instant::now", "std::fs", "std::net::Tcp", "tokio::"];

/// Pure modules.
const PURE: &[&str] = &[
    "php/",
    "laravel/",
    "egress.rs",
    "trace.rs",
    "presence/domain/",
    "messaging/domain/",
    "messaging/seal/",
    "webhooks/domain/",
    "broadcast/domain/",
];

/// Each file's module path, with the modules that define what it uses.
struct Tree(Vec<(SourceFile, BTreeSet<ModulePath>)>);

impl Tree {
    /// Parsed once, for all tests.
    fn read() -> &'static Self {
        static TREE: LazyLock<Tree> = LazyLock::new(|| {
            let files: Vec<_> = files()
                .into_iter()
                .map(|file| {
                    let syntax = file.parse();
                    (file, syntax)
                })
                .collect();
            let modules: BTreeSet<ModulePath> = files.iter().map(|(file, _)| file.module.clone()).collect();
            let exports = Exports::of(&files, &modules);
            let uses = |file: &SourceFile, syntax: &syn::File| {
                references(syntax, &file.module, &modules)
                    .iter()
                    .filter_map(|path| defining_module(path, &modules, &exports))
                    .filter(|module| *module != file.module)
                    .collect()
            };
            let used: Vec<_> = files.iter().map(|(file, syntax)| uses(file, syntax)).collect();
            Tree(files.into_iter().map(|(file, _)| file).zip(used).collect())
        });
        &TREE
    }

    fn uses(&self) -> impl Iterator<Item = &(SourceFile, BTreeSet<ModulePath>)> {
        self.0.iter()
    }
}

fn allowed(module: &str) -> &'static [&'static str] {
    ARROWS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("{module} is not in ARROWS")).1
}

#[test]
fn top_level_modules_use_only_modules_below_them() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    for (file, targets) in tree.uses() {
        let Some(own) = file.module.first() else { continue };
        for target in targets.iter().filter_map(|target| target.first()).filter(|target| *target != own) {
            if !allowed(own).contains(&target.as_str()) {
                wrong.push(format!("src/{} uses {target}", file.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layers_of_each_feature_use_only_inner_layers() {
    let tree = Tree::read();
    let mut wrong = Vec::new();
    for (file, targets) in tree.uses() {
        let [feature, layer, ..] = file.module.as_slice() else { continue };
        let Some((_, forbidden)) = LAYERS.iter().find(|(name, _)| name == layer) else { continue };
        if !FEATURES.contains(&feature.as_str()) {
            continue;
        }
        for target in targets {
            let is_feature = target.first().is_some_and(|first| FEATURES.contains(&first.as_str()));
            let used = if is_feature { target.get(1) } else { target.first() };
            if used.is_some_and(|used| used != layer && forbidden.contains(&used.as_str())) {
                wrong.push(format!("src/{} uses {}", file.path, target.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_modules_use_no_clock_no_socket_and_no_file() {
    for file in files() {
        let is_pure = PURE.iter().any(|folder| file.path.starts_with(folder));
        for line in file.text.lines().filter(|line| is_pure && !line.trim_start().starts_with("//")) {
            for word in IMPURE {
                assert!(!line.contains(word), "src/{} uses {word}: {line}", file.path);
            }
        }
    }
}

#[test]
fn files_import_each_other_in_no_circle() {
    let tree = Tree::read();
    let edges: BTreeMap<ModulePath, BTreeSet<ModulePath>> =
        tree.uses().map(|(file, targets)| (file.module.clone(), targets.clone())).collect();
    let mut done = BTreeSet::new();
    for module in edges.keys() {
        walk(module, &edges, &mut Vec::new(), &mut done);
    }
}

fn walk(
    module: &ModulePath,
    edges: &BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    way: &mut Vec<ModulePath>,
    done: &mut BTreeSet<ModulePath>,
) {
    if let Some(start) = way.iter().position(|visited| visited == module) {
        let circle: Vec<String> = way[start..].iter().map(|module| module.join("::")).collect();
        panic!("files import each other in a circle: {}", circle.join(" -> "));
    }
    if done.contains(module) {
        return;
    }
    way.push(module.clone());
    for target in edges.get(module).into_iter().flatten() {
        walk(target, edges, way, done);
    }
    way.pop();
    done.insert(module.clone());
}
