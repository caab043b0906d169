//! The source tree: each file with its module path, the items it defines and the modules it refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Item, UseTree, Visibility};

use crate::support::fixture;

/// The path of a module within the crate, such as `["presence", "store"]`; empty for `lib.rs`.
pub type ModulePath = Vec<String>;

/// One source file.
pub struct SourceFile {
    /// Its path below `src/`.
    pub path: String,
    /// The module it is.
    pub module: ModulePath,
    /// Its text.
    pub text: String,
}

impl SourceFile {
    /// Its syntax tree, parsed anew.
    pub fn parse(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("src/{}: {error}", self.path))
    }
}

/// All files below `src/`, in the order of their paths.
pub fn files() -> Vec<SourceFile> {
    let root = fixture("../src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 100, "only {} files below src/", paths.len());
    paths.iter().map(|path| read(&root, path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> SourceFile {
    let text = fs::read_to_string(path).unwrap();
    let path = path.strip_prefix(root).unwrap().display().to_string();
    let mut module: ModulePath = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    SourceFile { path, module, text }
}

/// What the paths of one file refer to: whole paths from the root of the crate, those of `use` and those in code.
///
/// Re-exports (`pub use`) are left out: a module that only passes a name on does not depend on it.
pub fn references(syntax: &syn::File, module: &[String], modules: &BTreeSet<ModulePath>) -> BTreeSet<ModulePath> {
    let mut finder = Finder { module: module.to_vec(), modules, found: BTreeSet::new() };
    finder.visit_file(syntax);
    finder.found
}

struct Finder<'a> {
    module: ModulePath,
    modules: &'a BTreeSet<ModulePath>,
    found: BTreeSet<ModulePath>,
}

impl Finder<'_> {
    fn add(&mut self, segments: &[String]) {
        let Some(path) = absolute(segments, &self.module, self.modules) else { return };
        self.found.insert(path);
    }

    fn add_tree(&mut self, tree: &UseTree, prefix: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_tree(&path.tree, prefix);
                prefix.pop();
            }
            UseTree::Name(name) if name.ident == "self" => self.add(prefix),
            UseTree::Name(name) => self.add(&[prefix.as_slice(), &[name.ident.to_string()]].concat()),
            UseTree::Rename(name) => self.add(&[prefix.as_slice(), &[name.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.add(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(tree, prefix)),
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, Visibility::Inherited) {
            self.add_tree(&item.tree, &mut Vec::new());
        }
    }

    /// `pub(in crate::…)` restricts; it refers to nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.add(&segments);
        }
        syn::visit::visit_path(self, path);
    }
}

/// A path as written in `module`, from the root of the crate; `None` if it leads into another crate or to a local item.
fn absolute(segments: &[String], module: &[String], modules: &BTreeSet<ModulePath>) -> Option<ModulePath> {
    let first = segments.first()?;
    match first.as_str() {
        "crate" => Some(segments[1..].to_vec()),
        "self" => Some([module, &segments[1..]].concat()),
        "super" => {
            let up = segments.iter().take_while(|segment| *segment == "super").count();
            Some([&module[..module.len().checked_sub(up)?], &segments[up..]].concat())
        }
        name => {
            let child = [module, &[name.to_owned()]].concat();
            modules.contains(&child).then(|| [module, segments].concat())
        }
    }
}

/// Follows re-exports until a path leads to the module that defines the item; gives that module.
pub fn defining_module(path: &[String], modules: &BTreeSet<ModulePath>, exports: &Exports) -> Option<ModulePath> {
    let mut path = path.to_vec();
    for _ in 0..16 {
        let known = (0..=path.len()).rev().find(|length| modules.contains(&path[..*length]))?;
        let Some(name) = path.get(known) else { return Some(path) };
        match exports.0.get(&(path[..known].to_vec(), name.clone())) {
            Some(target) => path = [target.as_slice(), &path[known + 1..]].concat(),
            None => return Some(path[..known].to_vec()),
        }
    }
    panic!("re-exports of {path:?} lead in a circle")
}

/// Where each re-exported name of a module comes from.
pub struct Exports(BTreeMap<(ModulePath, String), ModulePath>);

impl Exports {
    /// All re-exports and imports of `files`: a name may also be taken through a private import of the parent.
    pub fn of(files: &[(SourceFile, syn::File)], modules: &BTreeSet<ModulePath>) -> Self {
        let mut exports = BTreeMap::new();
        for (file, syntax) in files {
            for item in &syntax.items {
                if let Item::Use(item) = item {
                    leaves(&item.tree, &mut Vec::new(), &mut |segments, name| {
                        if let Some(target) = absolute(segments, &file.module, modules) {
                            let key = (file.module.clone(), name.to_owned());
                            if target != [file.module.as_slice(), &[name.to_owned()]].concat() {
                                exports.insert(key, target);
                            }
                        }
                    });
                }
            }
        }
        Self(exports)
    }
}

fn leaves(tree: &UseTree, prefix: &mut Vec<String>, found: &mut impl FnMut(&[String], &str)) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            leaves(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) if name.ident == "self" => {
            if let Some(last) = prefix.last().cloned() {
                found(prefix, &last);
            }
        }
        UseTree::Name(name) => found(&[prefix.as_slice(), &[name.ident.to_string()]].concat(), &name.ident.to_string()),
        UseTree::Rename(name) => {
            found(&[prefix.as_slice(), &[name.ident.to_string()]].concat(), &name.rename.to_string());
        }
        UseTree::Glob(_) => {}
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, prefix, found)),
    }
}
