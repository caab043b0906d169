//! The tables of messaging: those of Laravel's messaging server, and the keys of idempotent writes.

use crate::storage::sql::{FeatureTables, PerEngine};

/// The tables of messaging.
pub static TABLES: FeatureTables = FeatureTables {
    laravel: &["clients", "messages", "message_receipts"],
    laravel_schema: PerEngine {
        sqlite: include_str!("laravel/sqlite.sql"),
        mysql: include_str!("laravel/mysql.sql"),
        postgres: include_str!("laravel/postgres.sql"),
    },
    own: &["done_steps"],
    migrations: PerEngine {
        sqlite: include_str!("migrations/sqlite.sql"),
        mysql: include_str!("migrations/mysql.sql"),
        postgres: include_str!("migrations/postgres.sql"),
    },
};
