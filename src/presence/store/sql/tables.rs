//! The tables of presence: Laravel's cache tables, and the states with their indexes and the change log.

use crate::storage::sql::{FeatureTables, PerEngine};

/// The tables of presence in a database.
pub static TABLES: FeatureTables = FeatureTables {
    laravel: &["cache", "cache_locks"],
    laravel_schema: PerEngine {
        sqlite: include_str!("laravel/sqlite.sql"),
        mysql: include_str!("laravel/mysql.sql"),
        postgres: include_str!("laravel/postgres.sql"),
    },
    own: &["presence_log", "presence_users", "presence_counts", "presence_changes"],
    migrations: PerEngine {
        sqlite: include_str!("migrations/sqlite.sql"),
        mysql: include_str!("migrations/mysql.sql"),
        postgres: include_str!("migrations/postgres.sql"),
    },
};
