//! Lists on standard output: a table with a header for people, one JSON object per line for programs.

use serde_json::Value;

use super::output::{print_error, print_line};
use crate::client::sanitize;

/// What separates two columns.
const GAP: &str = "  ";

/// A list that is printed row by row, so that it may be long. The header precedes the first row.
pub(super) struct Table<const N: usize> {
    columns: [(&'static str, usize); N],
    json: bool,
    rows: usize,
}

impl<const N: usize> Table<N> {
    /// A table with these columns, each with its name and its least width; with `json` each row is an object instead.
    pub(super) fn new(columns: [(&'static str, usize); N], json: bool) -> Self {
        Self { columns, json, rows: 0 }
    }

    /// Prints a row: `object` itself, or its cells.
    pub(super) fn row(&mut self, object: &Value, cells: impl FnOnce(&Value) -> [String; N]) {
        if self.json {
            print_line(&object.to_string());
        } else {
            if self.rows == 0 {
                print_line(&self.line(self.columns.map(|(name, _)| name)));
            }
            let cells = cells(object);
            print_line(&self.line(cells.each_ref().map(String::as_str)));
        }
        self.rows += 1;
    }

    /// Prints `empty` on standard error if there was no row.
    pub(super) fn finish(&self, empty: &str) {
        if self.rows == 0 {
            print_error(empty);
        }
    }

    /// The cells, each as wide as its column; the last one as it is.
    fn line(&self, cells: [&str; N]) -> String {
        let padded = self.columns.iter().zip(cells).map(|((name, least), cell)| {
            let width = (*least).max(name.len());
            format!("{cell:<width$}")
        });
        padded.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// A member as a cell: without control characters, and `-` for null.
pub(super) fn cell(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::String(text) => sanitize(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

/// Several members as cells.
pub(super) fn cells<const N: usize>(object: &Value, names: [&str; N]) -> [String; N] {
    names.map(|name| cell(object, name))
}
