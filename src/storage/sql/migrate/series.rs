//! Migrations as they are written in files.

use std::borrow::Cow;
use std::collections::HashSet;

use sha2::{Digest, Sha256};
use sqlx::migrate::MigrationType;
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use super::schema::{FeatureTables, TableNames};
use crate::storage::sql::Engine;
use crate::storage::sql::statement::fill_names;

/// Something that a statement creates, under its name in the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Object {
    Table(String),
    Column { table: String, name: String },
    Index { table: String, name: String },
}

/// One statement of a migration.
#[derive(Clone, Debug)]
struct Step {
    /// `None` if the statement has the same effect when it is executed again.
    creates: Option<Object>,
    sql: String,
}

/// A migration with the names of tables filled in.
#[derive(Clone, Debug)]
pub(super) struct Migration {
    pub(super) version: i64,
    /// That of the statements before names were filled in.
    pub(super) checksum: Vec<u8>,
    description: String,
    steps: Vec<Step>,
}

/// Reads the migrations of a feature.
///
/// # Panics
/// The file is malformed. A test reads those of all features.
pub(super) fn read(engine: Engine, feature: &FeatureTables, names: &TableNames) -> Vec<Migration> {
    let file = feature.migrations.get(engine);
    file.split("-- version: ").skip(1).map(|text| Migration::read(engine, text, names)).collect()
}

impl Migration {
    fn read(engine: Engine, text: &str, names: &TableNames) -> Self {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let (version, description) = head.trim().split_once(' ').unwrap_or((head.trim(), ""));
        let Ok(version) = version.parse() else { unreachable!("the version {version} is no number") };
        let (mut steps, mut checksum): (Vec<Step>, Sha256) = (Vec::new(), Sha256::new());
        for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let filled = fill_names(engine, line, &names.pairs());
            if let Some(object) = filled.strip_prefix("-- creates: ") {
                steps.push(Step { creates: Some(Object::parse(object)), sql: String::new() });
            } else if filled == "-- repeats" {
                steps.push(Step { creates: None, sql: String::new() });
            } else if !filled.starts_with("--") {
                let Some(step) = steps.last_mut() else { unreachable!("{line} has no line above that describes it") };
                step.sql.push_str(&filled);
                step.sql.push(' ');
                checksum.update(line);
                checksum.update("\n");
            }
        }
        Self { version, checksum: checksum.finalize().to_vec(), description: description.to_owned(), steps }
    }

    /// Everything that it creates.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.steps.iter().filter_map(|step| step.creates.as_ref())
    }

    /// The tables and columns that it creates. Statements need no index.
    pub(super) fn required_objects(&self) -> impl Iterator<Item = &Object> {
        self.objects().filter(|object| !matches!(object, Object::Index { .. }))
    }

    /// The migration for sqlx, without the statements that create what exists: all but `missing`.
    pub(super) fn to_sqlx(&self, missing: &HashSet<&Object>) -> sqlx::migrate::Migration {
        let is_needed = |step: &&Step| step.creates.as_ref().is_none_or(|object| missing.contains(object));
        let statements: Vec<&str> = self.steps.iter().filter(is_needed).map(|step| step.sql.trim_end()).collect();
        // MySQL rejects an empty text.
        let sql = if statements.is_empty() { "SELECT 1".to_owned() } else { statements.join(";\n") };
        sqlx::migrate::Migration {
            version: self.version,
            description: Cow::Owned(self.description.clone()),
            migration_type: MigrationType::Simple,
            sql: AssertSqlSafe(sql).into_sql_str(),
            checksum: Cow::Owned(self.checksum.clone()),
            no_tx: false,
        }
    }
}

impl Object {
    /// The name, if it is a table.
    pub(super) fn as_table(&self) -> Option<&str> {
        match self {
            Self::Table(table) => Some(table),
            Self::Column { .. } | Self::Index { .. } => None,
        }
    }

    fn parse(text: &str) -> Self {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (kind, rest.split_once('.'), rest.split_once(" on ")) {
            ("table", None, None) => Self::Table(rest.to_owned()),
            ("column", Some((table, name)), _) => Self::Column { table: table.to_owned(), name: name.to_owned() },
            ("index", _, Some((name, table))) => Self::Index { table: table.to_owned(), name: name.to_owned() },
            _ => unreachable!("{text} is not something that a statement creates"),
        }
    }
}
