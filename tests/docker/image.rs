//! `docker/Dockerfile`.

use std::fs;
use std::path::Path;
use std::process::Command;

use presence_sidecar::config::{Listen, Sources, load};

use super::{assert_understood, read, tree};

/// An instruction and its arguments.
type Instruction = (String, String);

fn instructions() -> Vec<Instruction> {
    let text = read("docker/Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let split = |line: &str| {
        let (instruction, rest) = line.split_once(' ').unwrap();
        (instruction.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    lines.map(split).collect()
}

fn all(instruction: &str) -> Vec<String> {
    instructions().into_iter().filter(|(name, _)| name == instruction).map(|(_, rest)| rest).collect()
}

fn the(instruction: &str) -> String {
    let found = all(instruction);
    assert_eq!(found.len(), 1, "{instruction}: {found:?}");
    found.into_iter().next().unwrap()
}

/// An instruction in the form of a list.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The paths that are copied from the source tree.
fn copied() -> Vec<String> {
    let from_tree = all("COPY").into_iter().filter(|rest| !rest.starts_with("--from"));
    from_tree
        .flat_map(|rest| {
            let mut words: Vec<String> = rest.split(' ').map(str::to_owned).collect();
            words.pop();
            words
        })
        .collect()
}

/// The port that the image exposes.
pub(super) fn port() -> u16 {
    the("EXPOSE").parse().unwrap()
}

/// The volume of the image.
pub(super) fn volume() -> String {
    the("VOLUME")
}

#[test]
fn copied_paths_exist_and_are_not_ignored() {
    let ignored = read(".dockerignore");
    let wanted: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(ignored.lines().any(|line| line == "*"));
    assert_eq!(copied(), wanted, "neither more nor less than is used");
    for path in wanted {
        assert!(tree(path).exists(), "{path}");
    }
}

#[test]
fn copied_sources_are_complete() {
    fn walk(folder: &Path, found: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for named in text.split("include_str!(\"").skip(1) {
                    let named = path.parent().unwrap().join(named.split('"').next().unwrap());
                    let named = named.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", named.display()));
                    let inside = copied().iter().any(|source| named.starts_with(tree(source).canonicalize().unwrap()));
                    assert!(inside, "{} needs {}", path.display(), named.display());
                    *found += 1;
                }
            }
        }
    }
    let mut found = 0;
    walk(&tree("src"), &mut found);
    assert!(found > 10, "only {found}");
    assert!(!tree("build.rs").exists(), "it would have to be copied");
}

#[test]
fn image_builds_with_the_required_rust_and_runs_on_the_same_debian() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    assert_eq!(all("FROM"), [format!("rust:{rust}-bookworm AS build"), "debian:bookworm-slim".to_owned()]);
    let builds: Vec<String> = all("RUN").into_iter().filter(|run| run.contains("cargo")).collect();
    assert_eq!(builds.len(), 2);
    assert!(builds.iter().all(|run| run.contains("cargo build --release --locked")));
    let binary = format!("/target/release/{}", manifest["package"]["name"].as_str().unwrap());
    assert!(all("COPY").iter().any(|copy| copy.starts_with("--from=build") && copy.contains(&binary)));
}

/// `1.94.0` as numbers, to compare.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn required_rust_is_enough_for_every_dependency() {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(tree("")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let about = run("rustc", &["-vV"]);
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", host];
    let metadata: serde_json::Value = serde_json::from_str(&run("cargo", &arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let asked = |package: &serde_json::Value| package["rust_version"].as_str().map(version);
    let own = packages.iter().find(|package| package["name"] == "presence-sidecar").and_then(asked).unwrap();
    for package in packages {
        assert!(
            asked(package).is_none_or(|wanted| wanted <= [own.clone(), vec![u32::MAX]].concat()),
            "{}",
            package["id"]
        );
    }
}

#[test]
fn commands_of_the_image_are_valid() {
    let (entry, command) = (list(&the("ENTRYPOINT")), list(&the("CMD")));
    assert_understood(&[entry.clone(), command].concat());
    let (_, check) = the("HEALTHCHECK").split_once("CMD ").map(|(a, b)| (a.to_owned(), list(b))).unwrap();
    assert_eq!(check[0], entry[0]);
    assert_understood(&check);
    let installed = format!("/usr/local/bin/{}", entry[0]);
    assert!(all("COPY").iter().any(|copy| copy.ends_with(&installed)));
}

#[test]
fn image_exposes_its_port_and_its_user_can_write_the_volume() {
    let environment = the("ENV");
    let environment: Vec<(String, String)> = environment
        .split(' ')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let loaded = load(&Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert_eq!(loaded.config.server.listen, [Listen::Tcp(format!("0.0.0.0:{}", port()))]);
    assert_eq!(loaded.config.storage, Path::new(&volume()));
    assert_eq!(all("WORKDIR").last(), Some(&volume()), "what is relative is kept, too");

    let made = all("RUN").pop().unwrap();
    let following = |word: &str| made.split(' ').skip_while(|each| *each != word).nth(1).unwrap().to_owned();
    assert_eq!(the("USER"), format!("{0}:{0}", following("--uid")));
    assert!(made.contains(&format!("--shell /usr/sbin/nologin {} ", following("--owner"))));
    assert!(made.ends_with(&volume()), "{made}");
}
