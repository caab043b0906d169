//! `config/presence.toml` as a schema: the known keys, their kinds, their order, their defaults.
//!
//! The file follows three rules, which make it the only place that lists keys: `key = value` is a default,
//! `#key = value` (no blank behind the `#`) is an example of a key without one, `# text` is prose.

/// The manual, as compiled in.
pub(super) const TEXT: &str = include_str!("../../config/presence.toml");

/// The array of tables, which each have a schema of their own.
pub(super) const ENDPOINTS: &str = "webhook.endpoints";

/// What a key's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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

    /// Whether `value` is of this kind, down to the members of lists and tables.
    pub(super) fn fits(self, value: &toml::Value) -> bool {
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

    /// The kind in an operator's words.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Text => "must be a text",
            Self::Number => "must be a whole number",
            Self::Bool => "must be true or false",
            Self::List => "must be a list of texts",
            Self::Table => "must be a table of texts, { name = \"value\" }",
            Self::TableArray => "must be an array of tables, [[webhook.endpoints]]",
        }
    }
}

/// The known keys in the manual's order; keys of an endpoint begin with `webhook.endpoints[]`.
pub(super) struct Schema {
    keys: Vec<KeySpec>,
}

/// A known key.
pub(super) struct KeySpec {
    /// The dotted key.
    pub key: String,
    /// What its value must be.
    pub kind: Kind,
    /// Whether the manual gives it a value.
    pub has_default: bool,
}

impl Schema {
    /// Reads the schema off the compiled-in file.
    pub(super) fn read() -> Self {
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
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeySpec> {
        self.keys.iter()
    }

    /// What is known of a key, `None` if there is no such key.
    pub(super) fn find(&self, key: &str) -> Option<&KeySpec> {
        self.keys().find(|known| known.key == key)
    }

    /// Whether `key` is a section with keys in it.
    pub(super) fn is_section(&self, key: &str) -> bool {
        let inside = |known: &KeySpec| known.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        self.keys().any(inside)
    }

    /// ` (did you mean …?)` for a misspelt key, or nothing when none is near.
    pub(super) fn suggestion(&self, key: &str) -> String {
        let endpoint = key.contains("[]");
        let known = self.keys().map(|known| known.key.as_str()).filter(|known| endpoint || !known.contains("[]"));
        hint(key, known)
    }
}

/// ` (did you mean …?)` if one of `known` is near to `word`, else nothing.
pub(super) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let distance = |key: &str| {
        // A right name in a wrong section is as near as two slips.
        let moved = leaf(key) == leaf(word);
        // So is one without its unit: `cache.ttl`.
        let cut = key.strip_prefix(word).is_some_and(|unit| unit.starts_with('_'));
        let moved = if moved || cut { 2 } else { usize::MAX };
        strsim::damerau_levenshtein(word, key).min(moved)
    };
    let nearest = known.map(|key| (distance(key), key)).min_by_key(|(near, _)| *near);
    match nearest {
        Some((near, key)) if near <= 3.max(leaf(word).len() / 3) => {
            format!(" (did you mean {}?)", key.replace("[]", ""))
        }
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
