//! `presence-sidecar check-upgrade`: whether this version can take over what is stored.

use clap::Args;

use super::report;
use crate::app::checks::{Finding, check_configuration, check_keys, check_stores};
use crate::cli::run::{CommandResult, run_async};
use crate::cli::source::Source;
use crate::config::{Config, DatabaseConnection, Flags, Loaded, load};
use crate::storage::sql::{Database, MigrationStatus};

#[derive(Debug, Args)]
pub(crate) struct CheckUpgrade {
    /// Print JSON, one finding per line; `fix` is null where nothing is wrong
    #[arg(long)]
    json: bool,
}

impl CheckUpgrade {
    pub(crate) fn run(&self, source: Source) -> CommandResult {
        let Loaded { config, warnings, .. } =
            load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        run_async(async {
            let version = format!("this program is version {}", env!("CARGO_PKG_VERSION"));
            let mut findings = vec![Finding::ok("version", version)];
            findings.extend(check_configuration(&warnings));
            let tables = migrations(&config).await;
            findings.extend(tables.finding);
            // Tables that are still missing are no fault of what is stored.
            if !tables.are_pending {
                findings.extend(check_stores(&config).await);
            }
            findings.extend(check_keys(&config).await);
            report(&findings, self.json)
        })
    }
}

/// What the start would change in the database.
#[derive(Default)]
struct Tables {
    finding: Option<Finding>,
    /// Whether there is something to change.
    are_pending: bool,
}

/// What the start would change in the database, and what a newer version has changed.
async fn migrations(config: &Config) -> Tables {
    if crate::app::schema(config).is_empty() {
        return Tables::default();
    }
    // Opening a missing file would create it.
    if matches!(&config.database.connection, DatabaseConnection::Sqlite(file) if !file.exists()) {
        let finding = Finding::ok("database", "there is none yet: it will be created by the start");
        return Tables { finding: Some(finding), are_pending: true };
    }
    let database = Database::open(&config.database);
    let status = status(&database, config).await;
    let address = database.address().to_owned();
    database.close().await;
    let mut are_pending = false;
    let finding = match status {
        Ok(MigrationStatus { unknown, .. }) if !unknown.is_empty() => Finding::wrong(
            "database",
            format!("{address}: a newer version has applied the migrations {}", numbers(&unknown)),
            "use that version; a version older than it by one works as well, and does not use what they add",
        ),
        Ok(MigrationStatus { pending, .. }) if pending.is_empty() => {
            Finding::ok("database", format!("{address}: all migrations are applied"))
        }
        Ok(MigrationStatus { pending, .. }) => {
            are_pending = true;
            let how = match config.database.auto_migrate {
                true => "the start",
                false => {
                    "`presence-sidecar migrate`, which has to run before the start (database.auto_migrate = false)"
                }
            };
            Finding::ok("database", format!("{address}: the migrations {} will be applied by {how}", numbers(&pending)))
        }
        Err(error) => {
            Finding::wrong("database", error.chain(), "start the database, or correct DB_CONNECTION and DB_HOST")
        }
    };
    Tables { finding: Some(finding), are_pending }
}

/// What is pending for the features that are used, and what no feature of this version knows.
async fn status(database: &Database, config: &Config) -> crate::storage::sql::Result<MigrationStatus> {
    let MigrationStatus { unknown, .. } = database.migration_status(&crate::app::whole_schema(config)).await?;
    let MigrationStatus { pending, .. } = database.migration_status(&crate::app::schema(config)).await?;
    Ok(MigrationStatus { pending, unknown })
}

fn numbers(versions: &[i64]) -> String {
    versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
