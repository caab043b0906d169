//! What statements need, read from their texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::storage::sql::Statements;

/// A privilege on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
    Create,
}

impl Privilege {
    /// Its name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Create => "CREATE",
        }
    }

    /// The names of `privileges`, with commas.
    pub(super) fn list(privileges: &BTreeSet<Self>) -> String {
        privileges.iter().map(|privilege| privilege.name()).collect::<Vec<_>>().join(", ")
    }

    /// A statement for MySQL and MariaDB that needs this privilege alone, and changes no row. `column` is one of the table.
    pub(super) fn mysql_test(self, table: &str, column: &str) -> String {
        match self {
            Self::Select | Self::Create => format!("SELECT 1 FROM `{table}` LIMIT 0"),
            Self::Insert => format!("INSERT INTO `{table}` (`{column}`) SELECT NULL FROM DUAL WHERE 1 = 0"),
            Self::Update => format!("UPDATE `{table}` SET `{column}` = NULL WHERE 1 = 0"),
            Self::Delete => format!("DELETE FROM `{table}` WHERE 1 = 0"),
        }
    }
}

/// Returns the privileges that `statements` need on each table.
pub(super) fn needs(statements: &[Statements]) -> BTreeMap<String, BTreeSet<Privilege>> {
    let mut needs: BTreeMap<String, BTreeSet<Privilege>> = BTreeMap::new();
    for (_, text) in statements.iter().flat_map(Statements::texts) {
        for (table, privilege) in needs_of(text) {
            // Every statement reads the rows that it finds or changes.
            needs.entry(table).or_default().extend([Privilege::Select, privilege]);
        }
    }
    needs
}

fn needs_of(text: &str) -> Vec<(String, Privilege)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let locks = text.contains(" FOR UPDATE") || text.contains(" FOR NO KEY UPDATE");
    let updates_conflicts = text.contains("ON DUPLICATE KEY UPDATE") || text.contains("DO UPDATE");
    let mut needs = Vec::new();
    for (index, word) in words.iter().enumerate().skip(1) {
        let Some(table) = quoted_name(word) else { continue };
        let before = |distance: usize| index.checked_sub(distance).map_or("", |index| words[index]);
        let mut add = |privilege| needs.push((table.to_owned(), privilege));
        match (before(2), before(1)) {
            (_, "INTO") => {
                add(Privilege::Insert);
                if updates_conflicts {
                    add(Privilege::Update);
                }
            }
            ("DELETE", "FROM") => add(Privilege::Delete),
            ("", "UPDATE") => add(Privilege::Update),
            (_, "FROM" | "JOIN") => add(if locks { Privilege::Update } else { Privilege::Select }),
            _ => {}
        }
    }
    needs
}

/// The name in a word that is a quoted name.
fn quoted_name(word: &str) -> Option<&str> {
    let quote = word.chars().next().filter(|char| matches!(char, '`' | '"'))?;
    word[1..].split_once(quote).map(|(name, _)| name)
}
