//! Statements for lists of powers of two, which keep the number of prepared statements small.

use crate::storage::sql::{Arg, Statement, Statements, padded};

/// Maximum number of rows in a statement that inserts, a power of two.
pub(super) const MAX_ROWS: usize = 64;

/// Maximum number of recipients in a group, a power of two.
pub const MAX_GROUP_RECIPIENTS: usize = 512;

/// The statements of groups, for 1, 2, 4, … items.
#[derive(Debug)]
pub(super) struct GroupStatements {
    pub(super) free_recipients: Vec<Statement>,
    pub(super) known_clients: Vec<Statement>,
    pub(super) done_keys: Vec<Statement>,
    pub(super) insert_keys: Vec<Statement>,
    pub(super) insert_messages: Vec<Statement>,
}

impl GroupStatements {
    pub(super) fn new(statements: &Statements) -> Self {
        Self {
            free_recipients: of_sizes(statements, "free_recipients", MAX_GROUP_RECIPIENTS),
            known_clients: of_sizes(statements, "known_clients", MAX_GROUP_RECIPIENTS),
            done_keys: of_sizes(statements, "done_keys", MAX_GROUP_RECIPIENTS),
            insert_keys: of_sizes(statements, "insert_idempotency_keys", MAX_ROWS),
            insert_messages: of_sizes(statements, "insert_messages", MAX_ROWS),
        }
    }
}

/// The statement of this name for 1, 2, 4, … items, up to `most`.
pub(super) fn of_sizes(statements: &Statements, name: &str, most: usize) -> Vec<Statement> {
    (0..=most.ilog2()).map(|power| statements.repeated(name, 1 << power)).collect()
}

/// The one for `size` items, a power of two, of the statements for 1, 2, 4, … items.
pub(super) fn of_size(statements: &[Statement], size: usize) -> &Statement {
    &statements[size.ilog2() as usize]
}

/// Texts as parameters, the last one repeated up to a power of two; `None` for an empty list.
pub(super) fn padded_texts<T: AsRef<str>>(texts: &[T]) -> Option<Vec<Arg<'_>>> {
    let last = texts.last()?;
    Some(padded(texts.iter(), last).map(|text| Arg::from(text.as_ref())).collect())
}

/// Splits rows into parts of powers of two, of at most [`MAX_ROWS`], the largest first.
pub(super) fn powers<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(MAX_ROWS).checked_ilog2()?;
        let (part, rest) = rows.split_at(size);
        rows = rest;
        Some(part)
    })
}
