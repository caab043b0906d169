//! `config/presence.toml` as a schema: the known keys, their kinds, their order, their defaults.
//!
//! The file is the only list of keys, by three rules: `key = value` is a default, `#key = value` (no space after the
//! `#`) is an example of a key without a default, `# text` is a comment.

/// The compiled-in file.
pub const TEXT: &str = include_str!("../../../config/presence.toml");

/// The array of tables, each with keys of its own.
pub const ENDPOINTS: &str = "webhook.endpoints";

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    List,
    Table,
    TableArray,
}

impl Kind {
    fn of(value: &toml::Value) -> Self {
        match value {
            toml::Value::Integer(_) => Self::Number,
            toml::Value::Boolean(_) => Self::Bool,
            toml::Value::Array(_) => Self::List,
            toml::Value::Table(_) => Self::Table,
            _ => Self::Text,
        }
    }

    /// Whether `value` is of this kind, including the members of lists and tables.
    pub fn fits(self, value: &toml::Value) -> bool {
        match (self, value) {
            (Self::Text, toml::Value::String(_))
            | (Self::Number, toml::Value::Integer(_))
            | (Self::Bool, toml::Value::Boolean(_)) => true,
            (Self::List, toml::Value::Array(items)) => items.iter().all(toml::Value::is_str),
            (Self::Table, toml::Value::Table(table)) => table.values().all(toml::Value::is_str),
            (Self::TableArray, toml::Value::Array(items)) => items.iter().all(toml::Value::is_table),
            _ => false,
        }
    }

    /// The end of an error about a value of another kind.
    pub fn requirement(self) -> &'static str {
        match self {
            Self::Text => "must be a string",
            Self::Number => "must be a whole number",
            Self::Bool => "must be true or false",
            Self::List => "must be a list of strings",
            Self::Table => "must be a table of strings, { name = \"value\" }",
            Self::TableArray => "must be an array of tables, [[webhook.endpoints]]",
        }
    }
}

/// The known keys in the order of the file; keys of an endpoint begin with `webhook.endpoints[]`.
pub struct Schema {
    keys: Vec<KeySpec>,
}

/// A known key.
pub struct KeySpec {
    /// The dotted key.
    pub key: String,
    /// The kind of its value.
    pub kind: Kind,
    /// Whether the file has a default for it.
    pub has_default: bool,
}

impl Schema {
    /// Parses the compiled-in file.
    pub fn parse() -> Self {
        let mut keys = Vec::new();
        let mut section = String::new();
        for line in TEXT.lines() {
            let (line, has_default) = match line.strip_prefix('#') {
                Some(example) => (example, false),
                None => (line, true),
            };
            if let Some(name) = line.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]")) {
                keys.push(KeySpec { key: name.to_owned(), kind: Kind::TableArray, has_default });
                section = format!("{name}[].");
            } else if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            } else if line.starts_with(|first: char| first.is_ascii_lowercase())
                && let Ok(table) = line.parse::<toml::Table>()
            {
                add(&mut keys, &section, &table, has_default);
            }
        }
        Self { keys }
    }

    /// Every known key.
    pub fn keys(&self) -> impl Iterator<Item = &KeySpec> + Clone {
        self.keys.iter()
    }

    /// The specification of a key; `None` if there is no such key.
    pub fn find(&self, key: &str) -> Option<&KeySpec> {
        self.keys().find(|known| known.key == key)
    }

    /// Whether `key` is a section.
    pub fn is_section(&self, key: &str) -> bool {
        let inside = |known: &KeySpec| known.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        self.keys().any(inside)
    }

    /// ` (did you mean …?)` for a misspelt key or section; empty if none is similar.
    pub fn suggestion(&self, key: &str) -> String {
        let endpoint = key.contains("[]");
        let known = self.keys().map(|known| known.key.as_str()).filter(|known| endpoint || !known.contains("[]"));
        let sections = known.clone().filter_map(|known| known.rsplit_once('.')).map(|(section, _)| section);
        suggest(key, known.chain(sections.filter(|section| *section != key)))
    }
}

/// The units that names of keys end with.
const UNITS: [&str; 7] = ["_seconds", "_ms", "_minutes", "_hours", "_days", "_mib", "_bytes"];

/// ` (did you mean …?)` if one of `known` is similar to `word`, else empty.
pub fn suggest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let name = name_of(word);
    // A name without its unit, `cache.ttl`, counts as two typing errors.
    let is_cut = |key: &str, word: &str| key.strip_prefix(word).is_some_and(|unit| unit.starts_with('_'));
    let distance = |key: &str| {
        let in_place = if is_cut(key, word) { 2 } else { strsim::damerau_levenshtein(word, key) };
        // So does a wrong section. The name is right then, without its unit, or misspelt by one letter in five.
        let known = name_of(key);
        let errors = match known.strip_prefix(name).is_some_and(|unit| UNITS.contains(&unit)) {
            true => Some(1),
            false => Some(strsim::damerau_levenshtein(name, known)).filter(|errors| *errors <= name.len() / 5),
        };
        errors.map_or(in_place, |errors| in_place.min(2 + errors))
    };
    let nearest = known.map(|key| (distance(key), key)).min_by_key(|(near, _)| *near);
    match nearest {
        Some((near, key)) if near <= 3.max(name.len() / 3) => {
            format!(" (did you mean {}?)", key.replace("[]", ""))
        }
        _ => String::new(),
    }
}

/// The part of a dotted key behind its section.
fn name_of(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// ` (did you mean …?)` if one of `words` is similar to `value` or begins it, else empty.
pub fn nearest_word(value: &str, words: &[&str]) -> String {
    let value = value.to_ascii_lowercase();
    let distance = |word: &str| {
        let word = word.to_ascii_lowercase();
        let longer = if value.starts_with(&word) { 2 } else { usize::MAX };
        strsim::damerau_levenshtein(&value, &word).min(longer)
    };
    let near = words.iter().map(|word| (distance(word), word)).min();
    match near {
        Some((distance, word)) if distance <= 2 && word.len() > 2 => format!(" (did you mean {word}?)"),
        _ => String::new(),
    }
}

fn add(keys: &mut Vec<KeySpec>, section: &str, table: &toml::Table, has_default: bool) {
    for (key, value) in table {
        let key = format!("{section}{key}");
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => add(keys, &format!("{key}."), inner, has_default),
            value => keys.push(KeySpec { key, kind: Kind::of(value), has_default }),
        }
    }
}
