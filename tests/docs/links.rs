//! Links and anchors, by GitHub's rules, and the shape of the README.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use super::{Document, files, inline_code, read, root};

/// The text of a heading as GitHub shows it: without the targets of links and without marks.
fn plain(heading: &str) -> String {
    let mut plain = String::new();
    let mut rest = heading;
    while let Some((before, link)) = rest.split_once('[') {
        let (text, after) = link.split_once("](").expect("a heading with a bracket has a link");
        plain.push_str(before);
        plain.push_str(text);
        rest = after.split_once(')').unwrap().1;
    }
    plain + rest
}

/// The anchor that GitHub gives a heading: lower case, without punctuation, with hyphens for spaces.
fn slug(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ');
    let lower = plain(heading).to_lowercase();
    lower.trim().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// All anchors of a document: headings, a repeated one with a number, and explicit `<a id="…">`.
fn anchors(document: &Document) -> HashSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = HashSet::new();
    for line in document.prose() {
        let level = line.text.chars().take_while(|letter| *letter == '#').count();
        if (1..=6).contains(&level)
            && let Some(heading) = line.text[level..].strip_prefix(' ')
        {
            let slug = slug(heading);
            let count = seen.entry(slug.clone()).or_default();
            anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
            *count += 1;
        }
        for explicit in line.text.split("<a id=\"").skip(1) {
            anchors.insert(explicit.split('"').next().unwrap().to_owned());
        }
    }
    anchors
}

/// The targets of the links in a line.
fn targets(text: &str) -> Vec<String> {
    let (_, text) = inline_code(text);
    let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned());
    links.collect()
}

/// `path` without `.` and `..`; `None` if it leads out of the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut normalized = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => normalized.push(name),
            Component::ParentDir if !normalized.pop() => return None,
            Component::ParentDir | Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(normalized)
}

/// What is wrong with a link of `from`, if anything is.
fn fault(from: &Document, target: &str, anchors: &HashMap<PathBuf, HashSet<String>>) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let folder = from.path.parent().unwrap();
    let file = if path.is_empty() { Some(from.path.clone()) } else { normalized(&folder.join(path)) };
    let Some(file) = file else { return Some("leads out of the repository".to_owned()) };
    if !root().join(&file).exists() {
        return Some(format!("{} does not exist", file.display()));
    }
    match (anchor, anchors.get(&file)) {
        (None, _) => None,
        (Some(anchor), Some(known)) if known.contains(anchor) => None,
        (Some(anchor), _) => Some(format!("{} has no anchor {anchor}", file.display())),
    }
}

#[test]
fn every_relative_link_and_anchor_exists() {
    let documents = Document::all();
    let anchors: HashMap<PathBuf, HashSet<String>> =
        documents.iter().map(|document| (document.path.clone(), anchors(document))).collect();
    let (mut checked, mut faults) = (0, Vec::new());
    for document in &documents {
        for line in document.prose() {
            for target in targets(&line.text) {
                checked += 1;
                if let Some(fault) = fault(document, &target, &anchors) {
                    faults.push(format!("{}:{}: {target}: {fault}", document.path.display(), line.number));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(checked > 80, "only {checked} links");
}

#[test]
fn anchors_follow_the_rules_of_github() {
    for (heading, anchor) in [
        ("Start in a minute", "start-in-a-minute"),
        ("What happens on `kill -9`", "what-happens-on-kill--9"),
        ("The app's Redis", "the-apps-redis"),
        ("0.2.0 (unreleased)", "020-unreleased"),
        ("Health, signals & logs", "health-signals--logs"),
        ("See [the API](openapi/README.md)", "see-the-api"),
        ("snake_case Größe", "snake_case-größe"),
    ] {
        assert_eq!(slug(heading), anchor);
    }
}

#[test]
fn link_to_nothing_is_found() {
    let readme = Document::read(Path::new("README.md"));
    let anchors = HashMap::from([(readme.path.clone(), anchors(&readme))]);
    for (target, found) in [
        ("LICENSE", false),
        ("#what-it-adds", false),
        ("https://example.test/#nothing", false),
        ("LICENCE", true),
        ("#what-it-lacks", true),
        ("LICENSE#license", true),
        ("../elsewhere", true),
    ] {
        assert_eq!(fault(&readme, target, &anchors).is_some(), found, "{target}");
    }
    assert_eq!(targets("a [b](c.md#d), `[no](link)` and [e](f)"), ["c.md#d", "f"]);
}

#[test]
fn readme_is_short_and_shows_how_to_run_it_first() {
    let readme = Document::read(Path::new("README.md"));
    let last = readme.lines.last().unwrap().number;
    assert!(last <= 160, "{last} lines");
    let commands: Vec<Vec<&str>> = readme.blocks("sh");
    assert_eq!(commands, [["cargo run --release -- serve"], ["tests/run"]], "one command to run it, one to test it");
    let first: Vec<&str> =
        readme.lines.iter().filter(|line| line.number <= 45).map(|line| line.text.as_str()).collect();
    let first = first.join("\n");
    for shown in ["Laravel", "┌──", "cargo run --release -- serve", "php-bridge/demo/run"] {
        assert!(first.contains(shown), "the first screen lacks {shown}");
    }
}

#[test]
fn map_of_the_tests_has_every_folder() {
    let guide = read("tests/README.md");
    let (_, map) = guide.split_once("\n## Map\n").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    let folders = files().into_iter().filter_map(|file| {
        let parts: Vec<_> =
            file.strip_prefix("tests").ok()?.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        (parts.len() > 1).then(|| parts[0].clone())
    });
    let folders: BTreeSet<String> = folders.collect();
    let missing: Vec<_> = folders.iter().filter(|folder| !map.contains(&format!("`{folder}/`"))).collect();
    assert!(folders.len() > 25 && missing.is_empty(), "tests/README.md#map lacks {missing:?}");
}
