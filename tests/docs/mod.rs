//! The documentation: links lead somewhere, names exist, and examples print what the program prints.

mod examples;
mod links;
mod names;
mod outdated;
mod paths;
mod security;

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no sources of the product.
const SKIPPED: [&str; 5] = [".git", "target", "node_modules", "vendor", "storage"];

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files of the repository, as paths relative to its root.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_symlink() || SKIPPED.contains(&name) {
                continue;
            } else if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found
}

/// A Markdown file.
struct Document {
    path: PathBuf,
    lines: Vec<Line>,
}

/// A line of a Markdown file.
struct Line {
    number: usize,
    text: String,
    /// The language of the code block that the line is in (empty if none is named), `None` outside code.
    code: Option<String>,
}

impl Document {
    fn read(path: &Path) -> Self {
        let mut fence: Option<String> = None;
        let mut lines = Vec::new();
        for (index, text) in read(path.to_str().unwrap()).lines().enumerate() {
            match (text.trim_start().strip_prefix("```"), fence.is_some()) {
                (Some(_), true) => fence = None,
                (Some(language), false) => fence = Some(language.to_owned()),
                (None, _) => lines.push(Line { number: index + 1, text: text.to_owned(), code: fence.clone() }),
            }
        }
        assert!(fence.is_none(), "{}: a code block is not closed", path.display());
        Self { path: path.to_owned(), lines }
    }

    /// All Markdown files.
    fn all() -> Vec<Self> {
        let is_markdown = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md");
        let all: Vec<Self> = files().iter().filter(|path| is_markdown(path)).map(|path| Self::read(path)).collect();
        assert!(all.len() >= 8, "only {} documents", all.len());
        all
    }

    /// Lines of text, without those in code blocks.
    fn prose(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.code.is_none())
    }

    /// The code blocks in `language`, each as its lines.
    fn blocks(&self, language: &str) -> Vec<Vec<&str>> {
        let mut blocks: Vec<Vec<&str>> = Vec::new();
        let mut last = 0;
        for line in self.lines.iter().filter(|line| line.code.as_deref() == Some(language)) {
            if line.number != last + 1 {
                blocks.push(Vec::new());
            }
            last = line.number;
            blocks.last_mut().unwrap().push(&line.text);
        }
        blocks
    }
}

/// The inline code of a line of text, and the line without it.
fn inline_code(text: &str) -> (Vec<&str>, String) {
    let parts: Vec<&str> = text.split('`').collect();
    let code = parts.iter().copied().skip(1).step_by(2).collect();
    let rest = parts.iter().copied().step_by(2).collect::<Vec<_>>().join("``");
    (code, rest)
}
