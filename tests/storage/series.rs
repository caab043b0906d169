//! A series of two migrations: the first creates tables, the second adds a column with an index and fills the column.

use presence_sidecar::storage::sql::{Database, Error, FeatureTables, PerEngine, TableNames, TableSchema};

use super::{columns_and_indexes, config, tables};
use crate::support::{ENGINES, Engine, TestDatabase};

const fn on_every_engine(text: &'static str) -> PerEngine {
    PerEngine { sqlite: text, mysql: text, postgres: text }
}

const fn feature(migrations: &'static str) -> FeatureTables {
    FeatureTables {
        laravel: &[],
        laravel_schema: PerEngine::EMPTY,
        own: &["things", "parts"],
        migrations: on_every_engine(migrations),
    }
}

macro_rules! first_migration {
    () => {
        "-- version: 1 create things
        -- creates: table <things>
        CREATE TABLE IF NOT EXISTS {things} (id bigint NOT NULL PRIMARY KEY, name varchar(9) NOT NULL)
        -- creates: table <parts>
        CREATE TABLE IF NOT EXISTS {parts} (id bigint NOT NULL PRIMARY KEY)
        "
    };
}

static FIRST: FeatureTables = feature(first_migration!());

static SECOND: FeatureTables = feature(concat!(
    first_migration!(),
    "
    -- version: 2 add colours
    -- creates: column <things>.colour
    ALTER TABLE {things} ADD COLUMN colour varchar(9)
    -- creates: index <things>_colour_index on <things>
    CREATE INDEX <things>_colour_index ON {things} (colour)
    -- repeats
    UPDATE {things} SET colour = 'grey' WHERE colour IS NULL
    "
));

/// The first migration of [`FIRST`], changed after its release.
static CHANGED: FeatureTables = feature(
    "-- version: 1 create things
    -- creates: table <things>
    CREATE TABLE IF NOT EXISTS {things} (id bigint NOT NULL PRIMARY KEY, name varchar(99) NOT NULL)
    ",
);

/// The statements of the second migration.
const SECOND_STATEMENTS: [&str; 3] = [
    "ALTER TABLE own_things ADD COLUMN colour varchar(9)",
    "CREATE INDEX own_things_colour_index ON own_things (colour)",
    "UPDATE own_things SET colour = 'grey' WHERE colour IS NULL",
];

const FIRST_STATEMENTS: [&str; 2] = [
    "CREATE TABLE own_things (id bigint NOT NULL PRIMARY KEY, name varchar(9) NOT NULL)",
    "CREATE TABLE own_parts (id bigint NOT NULL PRIMARY KEY)",
];

fn schema(feature: &'static FeatureTables) -> TableSchema {
    schema_under("own_", feature)
}

fn schema_under(prefix: &str, feature: &'static FeatureTables) -> TableSchema {
    TableSchema::new(TableNames::new(prefix, &[feature], Vec::new()), vec![feature])
}

fn open(database: &TestDatabase) -> Database {
    Database::open(&config(database, &[]).database)
}

async fn migrate(database: &TestDatabase, feature: &'static FeatureTables) {
    let migrated = open(database).migrate(&schema(feature)).await;
    migrated.unwrap_or_else(|error| panic!("{:?}: {}", database.engine, error.chain()));
}

/// The table of applied migrations as sqlx creates it, with a row that a killed process left.
fn leave_unfinished(database: &TestDatabase, version: i64) {
    let bytes = if database.engine == Engine::Postgres { "bytea" } else { "blob" };
    database.sql(&format!(
        "CREATE TABLE IF NOT EXISTS own_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on \
         timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, success boolean NOT NULL, checksum {bytes} NOT NULL, \
         execution_time bigint NOT NULL)"
    ));
    database.sql(&format!(
        "INSERT INTO own_migrations (version, description, success, checksum, execution_time) \
         VALUES ({version}, 'unfinished', FALSE, '', -1)"
    ));
}

/// Checks that both migrations are in place: everything exists, rows are kept and filled, and both are recorded.
fn assert_complete(database: &TestDatabase, names: &[&str], case: &str) {
    let case = format!("{:?}: {case}", database.engine);
    assert_eq!(tables(database), ["own_migrations", "own_parts", "own_things"], "{case}");
    let recorded = "SELECT version FROM own_migrations WHERE success = TRUE ORDER BY version";
    assert_eq!(database.lines(recorded), ["1", "2"], "{case}");
    let all = database.lines("SELECT COUNT(*) FROM own_migrations");
    assert_eq!(all, ["2"], "{case}");
    let expected: Vec<String> = names.iter().map(|name| format!("{name} grey")).collect();
    let rows = database.lines("SELECT name, colour FROM own_things ORDER BY id");
    assert_eq!(rows.iter().map(|row| row.replace('|', " ")).collect::<Vec<_>>(), expected, "{case}");
    let has_index = columns_and_indexes(database).iter().any(|line| line.contains("own_things_colour_index"));
    assert!(has_index, "{case}: the index is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_version_adds_column_and_index_to_existing_tables() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        migrate(&database, &FIRST).await;
        database.sql("INSERT INTO own_things (id, name) VALUES (1, 'one')");
        migrate(&database, &SECOND).await;
        assert_complete(&database, &["one"], "after both versions");
        migrate(&database, &SECOND).await;
        // A sidecar of the first version starts beside that of the second one.
        migrate(&database, &FIRST).await;
        assert_complete(&database, &["one"], "after an older start");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn first_migration_is_completed_after_an_interruption_at_any_statement() {
    for engine in ENGINES {
        for done in 0..=FIRST_STATEMENTS.len() {
            let database = TestDatabase::create(engine);
            leave_unfinished(&database, 1);
            FIRST_STATEMENTS[..done].iter().for_each(|statement| drop(database.sql(statement)));
            migrate(&database, &SECOND).await;
            assert_complete(&database, &[], &format!("after {done} statements"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_migration_is_completed_after_an_interruption_at_any_statement() {
    for engine in ENGINES {
        for done in 0..=SECOND_STATEMENTS.len() {
            let database = TestDatabase::create(engine);
            migrate(&database, &FIRST).await;
            database.sql("INSERT INTO own_things (id, name) VALUES (1, 'one')");
            leave_unfinished(&database, 2);
            SECOND_STATEMENTS[..done].iter().for_each(|statement| drop(database.sql(statement)));
            migrate(&database, &SECOND).await;
            assert_complete(&database, &["one"], &format!("after {done} statements"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_runs_apply_each_migration_once() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let runs = (0..4).map(|_| {
            let opened = open(&database);
            tokio::spawn(async move { opened.migrate(&schema(&SECOND)).await })
        });
        let mut created = Vec::new();
        for run in runs.collect::<Vec<_>>() {
            created.extend(run.await.unwrap().unwrap_or_else(|error| panic!("{engine:?}: {}", error.chain())).created);
        }
        created.sort();
        assert_eq!(created, ["own_migrations", "own_parts", "own_things"], "{engine:?}");
        assert_complete(&database, &[], "after concurrent runs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_tables_come_back_in_their_latest_form() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        migrate(&database, &SECOND).await;
        let complete = columns_and_indexes(&database);
        let cases: [(&str, &[&str]); 5] = [
            ("one table", &["DROP TABLE own_things"]),
            ("the migrations", &["DROP TABLE own_migrations"]),
            ("one table and the migrations", &["DROP TABLE own_things", "DROP TABLE own_migrations"]),
            ("all tables", &["DROP TABLE own_things", "DROP TABLE own_parts", "DROP TABLE own_migrations"]),
            // A sidecar of the first version has created its table again in the meantime.
            ("a table that an older sidecar created again", &["DROP TABLE own_things", FIRST_STATEMENTS[0]]),
        ];
        for (case, statements) in cases {
            statements.iter().for_each(|statement| drop(database.sql(statement)));
            migrate(&database, &SECOND).await;
            assert_complete(&database, &[], case);
            // A column that is added later follows the others, as it does here from the beginning.
            assert_eq!(columns_and_indexes(&database), complete, "{engine:?}: {case}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migration_that_was_changed_after_its_release_is_rejected() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        migrate(&database, &FIRST).await;
        let error = open(&database).migrate(&schema(&CHANGED)).await.unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{engine:?}: {error:?}");
        assert!(error.chain().contains("migration 1"), "{engine:?}: {}", error.chain());
        // The lock is free again.
        migrate(&database, &SECOND).await;
        assert_complete(&database, &[], "after a rejected run");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_selects_other_tables_and_leaves_checksums_unchanged() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        migrate(&database, &SECOND).await;
        open(&database).migrate(&schema_under("other_", &SECOND)).await.unwrap();
        let checksums = |table: &str| {
            let column = if engine == Engine::Postgres { "encode(checksum, 'hex')" } else { "hex(checksum)" };
            database.lines(&format!("SELECT version, {column} FROM {table} ORDER BY version"))
        };
        assert_eq!(checksums("other_migrations"), checksums("own_migrations"), "{engine:?}");
        assert!(tables(&database).contains(&"other_things".to_owned()), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_prefix_leaves_the_table_of_laravels_migrations_alone() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        database.sql("CREATE TABLE migrations (id int, migration varchar(255), batch int)");
        open(&database).migrate(&schema_under("", &SECOND)).await.unwrap();
        assert_eq!(tables(&database), ["migrations", "parts", "sidecar_migrations", "things"], "{engine:?}");
        assert_eq!(database.lines("SELECT COUNT(*) FROM migrations"), ["0"], "{engine:?}");
    }
}
