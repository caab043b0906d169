//! The tables that a configuration needs, and their names in the database.

use crate::storage::sql::Engine;

/// The text of a file for each engine.
#[derive(Clone, Copy, Debug)]
pub struct PerEngine {
    /// For SQLite.
    pub sqlite: &'static str,
    /// For MySQL and MariaDB.
    pub mysql: &'static str,
    /// For Postgres.
    pub postgres: &'static str,
}

impl PerEngine {
    /// No text.
    pub const EMPTY: Self = Self { sqlite: "", mysql: "", postgres: "" };

    /// Returns the text for `engine`.
    pub fn get(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::MySql => self.mysql,
            Engine::Postgres => self.postgres,
        }
    }
}

/// The tables of one feature. Files of statements name them as `{clients}`.
#[derive(Debug)]
pub struct FeatureTables {
    /// Tables that an app may have migrations for.
    pub laravel: &'static [&'static str],
    /// The statements that create them: under the name of the table, and under that with `.1`, `.2`, … for its indexes.
    pub laravel_schema: PerEngine,
    /// The sidecar's own tables, whose names in the database begin with the prefix.
    pub own: &'static [&'static str],
    /// Their migrations.
    pub migrations: PerEngine,
}

/// The names of tables in the database.
#[derive(Clone, Debug)]
pub struct TableNames(Vec<(&'static str, String)>);

impl TableNames {
    /// The table of applied migrations, as files of statements name it.
    const MIGRATIONS: &'static str = "migrations";

    /// Returns the names of Laravel's tables as given, and those of the own tables of `features` under `prefix`.
    pub fn new(prefix: &str, features: &[&FeatureTables], laravel: Vec<(&'static str, String)>) -> Self {
        // Without a prefix it would be the table of Laravel's own migrations.
        let migrations =
            if prefix.is_empty() { "sidecar_migrations".to_owned() } else { format!("{prefix}migrations") };
        let own = features.iter().flat_map(|feature| feature.own).map(|table| (*table, format!("{prefix}{table}")));
        Self(laravel.into_iter().chain(own).chain([(Self::MIGRATIONS, migrations)]).collect())
    }

    /// Returns all names, for [`Statements::read`](super::super::Statements::read).
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(table, name)| (*table, name.as_str())).collect()
    }

    pub(super) fn migrations(&self) -> &str {
        self.get(Self::MIGRATIONS)
    }

    /// # Panics
    /// A feature names a table that has no name.
    pub(super) fn get(&self, table: &str) -> &str {
        match self.0.iter().find(|(known, _)| *known == table) {
            Some((_, name)) => name,
            None => unreachable!("the table {table} has no name"),
        }
    }
}

/// The tables of the features that a configuration uses.
#[derive(Clone, Debug)]
pub struct TableSchema {
    names: TableNames,
    features: Vec<&'static FeatureTables>,
    with_laravel: bool,
}

impl TableSchema {
    /// Returns the schema of `features`.
    pub fn new(names: TableNames, features: Vec<&'static FeatureTables>) -> Self {
        Self { names, features, with_laravel: true }
    }

    /// Returns the schema without the tables that an app may have migrations for.
    #[must_use]
    pub fn own(&self) -> Self {
        Self { with_laravel: false, ..self.clone() }
    }

    /// Whether there are no tables.
    pub fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// Returns the names of all tables, including those of other features.
    pub fn names(&self) -> &TableNames {
        &self.names
    }

    pub(super) fn features(&self) -> &[&'static FeatureTables] {
        &self.features
    }

    /// Laravel's tables of a feature that are part of this schema.
    pub(super) fn laravel_tables(&self, feature: &FeatureTables) -> &'static [&'static str] {
        if self.with_laravel { feature.laravel } else { &[] }
    }

    /// The names of the features' tables in the database.
    pub(in crate::storage::sql) fn tables(&self) -> impl Iterator<Item = &str> {
        let of_feature =
            |feature: &'static FeatureTables| self.laravel_tables(feature).iter().chain(feature.own).copied();
        self.features.iter().copied().flat_map(of_feature).map(|table| self.names.get(table))
    }
}
