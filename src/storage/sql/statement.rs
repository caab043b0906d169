//! SQL statements from files, by name, with placeholders for the names of tables.
//!
//! ```sql
//! -- name: clients_by_id
//! SELECT id FROM {clients} WHERE id IN ([[?]])
//! ```
//!
//! `{clients}` is the quoted name of a table, `<clients>` its name without quotes, `?` a parameter (this module numbers them
//! for Postgres). The text in `[[…]]` is repeated for each item, with commas between; in `[[…|UNION ALL]]` with those words
//! between.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::mysql::MySqlArguments;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, MySql, Postgres, Sqlite};

use super::engine::Engine;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A text, or null.
    Text(Option<&'a str>),
    /// A 64-bit integer, or null.
    Int(Option<i64>),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<usize> for Arg<'_> {
    /// A number over [`i64::MAX`] becomes [`i64::MAX`].
    fn from(number: usize) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

/// The items, followed by `padding` up to a power of two: statements for lists are prepared for few lengths. An empty list becomes
/// one `padding`.
pub fn padded<T: Clone>(items: impl ExactSizeIterator<Item = T>, padding: T) -> impl Iterator<Item = T> {
    let size = items.len().next_power_of_two();
    items.chain(std::iter::repeat(padding)).take(size)
}

/// A statement, ready to be sent.
#[derive(Clone, Debug)]
pub struct Statement(Arc<str>);

macro_rules! bound {
    ($engine:ty, $sql:expr, $args:expr) => {{
        let query = sqlx::query::<$engine>(AssertSqlSafe($sql.clone()));
        $args.iter().fold(query, |query, arg| match *arg {
            Arg::Text(text) => query.bind(text),
            Arg::Int(number) => query.bind(number),
            Arg::Bytes(bytes) => query.bind(bytes),
        })
    }};
}

// The text is that of a file of this crate. Only names of tables were filled in, which the configuration has checked.
impl Statement {
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub(super) fn sqlite<'a>(&self, args: &'a [Arg<'a>]) -> Query<'a, Sqlite, SqliteArguments> {
        bound!(Sqlite, self.0, args)
    }

    pub(super) fn mysql<'a>(&self, args: &'a [Arg<'a>]) -> Query<'a, MySql, MySqlArguments> {
        bound!(MySql, self.0, args)
    }

    pub(super) fn postgres<'a>(&self, args: &'a [Arg<'a>]) -> Query<'a, Postgres, PgArguments> {
        bound!(Postgres, self.0, args)
    }
}

/// The statements of one file.
#[derive(Clone, Debug)]
pub struct Statements {
    engine: Engine,
    texts: HashMap<String, String>,
}

impl Statements {
    /// Reads a file of statements for `engine`. `tables` are pairs of a placeholder and a name.
    pub fn read(engine: Engine, file: &str, tables: &[(&str, &str)]) -> Self {
        let text = fill_names(engine, file, tables);
        let named = text.split("-- name: ").skip(1).filter_map(|part| {
            let (name, statement) = part.split_once('\n')?;
            let lines = statement.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--"));
            Some((name.trim().to_owned(), lines.collect::<Vec<_>>().join(" ")))
        });
        Self { engine, texts: named.collect() }
    }

    /// Returns the statement of this name.
    ///
    /// # Panics
    /// There is none. The tests use each statement on every engine.
    pub fn get(&self, name: &str) -> Statement {
        self.repeated(name, 1)
    }

    /// Returns the text of the statement of this name: parameters are `?`, and `[[…]]` is not repeated yet.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn text(&self, name: &str) -> &str {
        let Some(text) = self.texts.get(name) else { unreachable!("no statement is called {name}") };
        text
    }

    /// Returns the names and texts of all statements.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Returns the names that begin with `name` and a dot, sorted.
    pub fn names_below(&self, name: &str) -> Vec<String> {
        let below = |known: &&String| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let mut names: Vec<String> = self.texts.keys().filter(below).cloned().collect();
        names.sort();
        names
    }

    /// Returns the statement of this name, with the text in `[[…]]` repeated `items` times.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    pub fn repeated(&self, name: &str, items: usize) -> Statement {
        let mut parts = self.text(name).split("[[");
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (item, tail) = part.split_once("]]").unwrap_or((part, ""));
            let (item, separator) = match item.rsplit_once('|') {
                Some((item, "UNION ALL")) => (item, " UNION ALL "),
                _ => (item, ", "),
            };
            whole.push_str(&vec![item; items].join(separator));
            whole.push_str(tail);
        }
        Statement::new(if self.engine == Engine::Postgres { numbered(&whole) } else { whole })
    }
}

/// Replaces the names of tables in a text for `engine`.
pub(super) fn fill_names(engine: Engine, text: &str, tables: &[(&str, &str)]) -> String {
    let quote = if engine == Engine::MySql { '`' } else { '"' };
    let fill = |text: String, (table, name): &(&str, &str)| {
        text.replace(&format!("{{{table}}}"), &format!("{quote}{name}{quote}")).replace(&format!("<{table}>"), name)
    };
    tables.iter().fold(text.to_owned(), fill)
}

/// Replaces each `?` by `$1`, `$2`, …
fn numbered(text: &str) -> String {
    let mut parts = text.split('?');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        out.push_str(&format!("${}{part}", index + 1));
    }
    out
}
