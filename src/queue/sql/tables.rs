//! The tables of the queues.

use crate::storage::sql::{FeatureTables, PerEngine};

/// The tables of the queues in a database.
pub static TABLES: FeatureTables = FeatureTables {
    laravel: &[],
    laravel_schema: PerEngine::EMPTY,
    own: &["queue_lanes", "queue_jobs"],
    migrations: PerEngine {
        sqlite: include_str!("migrations/sqlite.sql"),
        mysql: include_str!("migrations/mysql.sql"),
        postgres: include_str!("migrations/postgres.sql"),
    },
};
