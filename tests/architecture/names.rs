//! One name, one meaning: no public type name is defined twice, and no identifier is a metaphor.

use std::collections::BTreeMap;

use syn::visit::Visit;
use syn::{Ident, Item, Visibility};

use super::source::files;

/// Names that may be defined in several modules: each module's own of a kind.
const SHARED: &[&str] = &["Config", "Error", "Result", "Api", "Metrics", "Options", "Id", "Tag"];

/// Words that say nothing to a reader who knows the field.
const METAPHORS: &[&str] = &[
    "aboard", "bell", "board", "bury", "crowd", "door", "doors", "flight", "fly", "flying", "gate", "ground",
    "janitor", "land", "landed", "lookout", "outlet", "outlets", "party", "teller", "wing", "wings", "wish", "wished",
];

#[test]
fn no_public_type_name_is_defined_twice() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files() {
        for item in file.parse().items {
            let (name, visibility) = match &item {
                Item::Struct(item) => (&item.ident, &item.vis),
                Item::Enum(item) => (&item.ident, &item.vis),
                Item::Trait(item) => (&item.ident, &item.vis),
                Item::Type(item) => (&item.ident, &item.vis),
                _ => continue,
            };
            if matches!(visibility, Visibility::Public(_)) && !SHARED.contains(&name.to_string().as_str()) {
                places.entry(name.to_string()).or_default().push(file.path.clone());
            }
        }
    }
    let twice: Vec<String> = places
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert!(twice.is_empty(), "{}", twice.join("\n"));
}

#[test]
fn no_identifier_is_a_metaphor() {
    let mut found = Vec::new();
    for file in files() {
        let mut finder = Metaphors { found: Vec::new() };
        finder.visit_file(&file.parse());
        found.extend(finder.found.into_iter().map(|name| format!("src/{}: {name}", file.path)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

struct Metaphors {
    found: Vec<String>,
}

impl<'ast> Visit<'ast> for Metaphors {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        let name = ident.to_string();
        // The standard term for requests without a response yet.
        if name != "in_flight" && words(&name).any(|word| METAPHORS.contains(&word.as_str())) {
            self.found.push(name);
        }
    }
}

/// The words of `snake_case` and `CamelCase`, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !spaced.ends_with(|before: char| before.is_uppercase()) {
            spaced.push('_');
        }
        spaced.push(letter);
    }
    spaced.to_lowercase().split('_').map(str::to_owned).collect::<Vec<_>>().into_iter()
}
