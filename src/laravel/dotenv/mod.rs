//! A `.env` file, parsed as by vlucas/phpdotenv 5, with the values that Laravel's `env()` returns.

mod entry;
mod lines;

use self::entry::Entry;

/// A syntax error; the reasons are phpdotenv's, without the invalid text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} in line {line}")]
pub struct DotenvError {
    /// The line on which the invalid entry begins, counted from 1.
    pub line: usize,
    /// What is wrong with the entry.
    pub reason: &'static str,
}

/// Parses a file; returns the variables with the values of `env()`, in the order of the file.
///
/// `outer` is the environment of the process. As in Laravel, it takes precedence over the file when `${NAME}` is expanded.
/// Whether it also takes precedence over an entry of the same name is up to the caller.
///
/// As with `env()`, the words `true`, `false`, `empty` and `null`, with or without parentheses, are special: they become
/// `true`, `false`, an empty text and no entry at all. Quotes that are part of the value are removed.
///
/// # Errors
///
/// [`DotenvError`] for the first entry that phpdotenv would reject. An unclosed quote is not an error: phpdotenv ignores the
/// rest of the file.
pub fn parse(text: &str, outer: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, DotenvError> {
    let entries = parse_with_nulls(text, outer)?;
    Ok(entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

/// As [`parse`], with the entries that are `null` as `None`: for `env()` they replace the default, as they are set.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with_nulls(
    text: &str,
    outer: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Option<String>)>, DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries: Vec<(String, String)> = Vec::new();
    for (line, raw) in lines::entries(text) {
        let Entry { name, value } = entry::parse(&raw).map_err(|reason| DotenvError { line, reason })?;
        let value = value.map(|value| {
            value.resolve(&|name| outer(name).or_else(|| find(&entries, name).map(|at| entries[at].1.clone())))
        });
        set(&mut entries, name, value);
    }
    Ok(entries.into_iter().map(|(name, value)| (name, env_value(value))).collect())
}

fn find(entries: &[(String, String)], name: &str) -> Option<usize> {
    entries.iter().position(|(known, _)| known == name)
}

/// A later entry replaces an earlier one; a name without a value removes it.
fn set(entries: &mut Vec<(String, String)>, name: String, value: Option<String>) {
    match (find(entries, &name), value) {
        (Some(at), Some(value)) => entries[at].1 = value,
        (None, Some(value)) => entries.push((name, value)),
        (Some(at), None) => drop(entries.remove(at)),
        (None, None) => {}
    }
}

/// `Illuminate\Support\Env::get`.
fn env_value(value: String) -> Option<String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "(true)" => return Some("true".to_owned()),
        "false" | "(false)" => return Some("false".to_owned()),
        "empty" | "(empty)" => return Some(String::new()),
        "null" | "(null)" => return None,
        _ => {}
    }
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    match quoted {
        // The dot of Laravel's pattern does not match a line break.
        Some(inner) if !inner.contains('\n') => Some(inner.to_owned()),
        _ => Some(value),
    }
}
