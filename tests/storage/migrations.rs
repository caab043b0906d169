//! The tables that the sidecar creates.

use std::process::Command;

use super::{columns_and_indexes, config, open, open_all, tables};
use crate::support::{ENGINES, Engine, TestDatabase, fixture, is_skipped, vectors};

const TABLES: [&str; 13] = [
    "cache",
    "cache_locks",
    "clients",
    "message_receipts",
    "messages",
    "sidecar_done_steps",
    "sidecar_migrations",
    "sidecar_presence_changes",
    "sidecar_presence_counts",
    "sidecar_presence_log",
    "sidecar_presence_users",
    "sidecar_queue_jobs",
    "sidecar_queue_lanes",
];

/// The tables shared with Laravel's messaging server.
const SHARED: [&str; 3] = ["clients", "message_receipts", "messages"];

#[tokio::test(flavor = "multi_thread")]
async fn migrate_creates_all_tables_once() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let (opened, schema) = open_all(&database, &[]);
        let migrated = opened.migrate(&schema).await.unwrap();
        assert_eq!((migrated.created.len(), migrated.existing.len()), (TABLES.len(), 0), "{engine:?}");
        assert_eq!(tables(&database), TABLES);
        let migrated = opened.migrate(&schema).await.unwrap();
        assert_eq!((migrated.created.len(), migrated.existing.len()), (0, TABLES.len()), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_tables_equal_those_of_laravel_13() {
    let (recorded, made) = (TestDatabase::create(Engine::Sqlite), TestDatabase::create(Engine::Sqlite));
    for statement in vectors("laravel-13.json")["cache_table"].as_array().unwrap() {
        recorded.sql(statement.as_str().unwrap());
    }
    let (sqlite, schema) = open_all(&made, &[]);
    sqlite.migrate(&schema).await.unwrap();
    for table in ["cache", "cache_locks"] {
        let columns = |database: &TestDatabase| {
            let columns = "SELECT name, lower(type), \"notnull\", pk FROM pragma_table_info('{table}') ORDER BY name";
            let indices = "SELECT name FROM pragma_index_list('{table}') WHERE origin = 'c' ORDER BY name";
            [columns, indices].map(|query| database.lines(&query.replace("{table}", table)))
        };
        assert_eq!(columns(&made), columns(&recorded), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_equal_those_of_laravels_migrations() {
    require!("mariadbd");
    let recorded = TestDatabase::of_file(&fixture("vectors/laravel-messaging.sqlite"));
    let made = TestDatabase::create(Engine::Sqlite);
    let (sqlite, schema) = open_all(&made, &[]);
    sqlite.migrate(&schema).await.unwrap();
    for table in SHARED {
        for pragma in ["table_info", "index_list"] {
            let columns = |database: &TestDatabase| {
                let columns = "name, \"unique\"";
                let columns = if pragma == "table_info" { "name, lower(type), \"notnull\", pk" } else { columns };
                database.lines(&format!("SELECT {columns} FROM pragma_{pragma}('{table}') ORDER BY name"))
            };
            assert_eq!(columns(&made), columns(&recorded), "{table}");
        }
    }

    let (recorded, made) = (TestDatabase::create(Engine::MariaDb), TestDatabase::create(Engine::MariaDb));
    recorded.sql(&std::fs::read_to_string(fixture("vectors/laravel-schema.mysql.sql")).unwrap());
    let (mariadb, schema) = open_all(&made, &[]);
    mariadb.migrate(&schema).await.unwrap();
    for table in SHARED {
        let created =
            |database: &TestDatabase| database.sql(&format!("SHOW CREATE TABLE {table}")).replace("\\n", "\n");
        let sorted = |text: String| {
            let mut lines: Vec<String> = text.lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(created(&made)), sorted(created(&recorded)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_columns_have_laravels_types() {
    require!("postgres");
    let database = TestDatabase::create(Engine::Postgres);
    let (postgres, schema) = open_all(&database, &[]);
    postgres.migrate(&schema).await.unwrap();
    let types = database.lines(
        "SELECT DISTINCT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         WHERE c.relname IN ('clients', 'messages', 'message_receipts') AND a.attnum > 0 ORDER BY 1",
    );
    assert_eq!(types, ["bigint", "character varying(255)", "text", "timestamp(0) without time zone", "uuid"]);
    let constraints = database
        .lines("SELECT conname FROM pg_constraint WHERE contype = 'u' AND connamespace = 'public'::regnamespace AND conrelid = 'clients'::regclass");
    assert_eq!(constraints, ["clients_fingerprint_unique"]);
    let indexes = database.lines("SELECT indexname FROM pg_indexes WHERE tablename = 'messages' ORDER BY 1");
    assert!(indexes.contains(&"messages_to_client_id_id_index".to_owned()), "{indexes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_laravel_table_is_left_unchanged() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        database.sql("CREATE TABLE clients (id char(36) PRIMARY KEY, colour char(9))");
        database.sql("INSERT INTO clients VALUES ('1', 'red')");
        let (opened, schema) = open_all(&database, &[]);
        let migrated = opened.migrate(&schema).await.unwrap();
        assert_eq!(migrated.existing, ["clients"]);
        assert_eq!(database.lines("SELECT colour FROM clients")[0].trim(), "red");
        assert_eq!(tables(&database), TABLES);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn table_names_are_configurable() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let names = [("PRESENCE__MESSAGING__TABLES__CLIENTS", "app_clients"), ("PRESENCE__DATABASE__PREFIX", "own_")];
        let (opened, schema) = open_all(&database, &names);
        opened.migrate(&schema).await.unwrap();
        let created = tables(&database);
        assert_eq!(created.len(), TABLES.len());
        assert!(created.iter().all(|name| !name.starts_with("sidecar_") && name != "clients"), "{created:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_migrations_create_each_table_once() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let config = config(&database, &[("PRESENCE_CACHE_STORE", "database")]);
        let migrations = (0..4).map(|_| {
            let (opened, schema) = open(&config);
            tokio::spawn(async move { opened.migrate(&schema).await.map(|migrated| migrated.created.len()) })
        });
        let mut made = 0;
        for migration in migrations.collect::<Vec<_>>() {
            made += migration.await.unwrap().unwrap();
        }
        // MySQL commits a table as it is made, so that two may both have found it missing.
        assert!(made >= TABLES.len(), "{engine:?}: {made}");
        assert_eq!(tables(&database), TABLES);
    }
}

#[test]
fn migrate_command_prints_created_and_existing_tables() {
    let database = TestDatabase::create(Engine::Sqlite);
    let migrate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
        command.arg("migrate").env_clear().envs(database.environment()).env("PRESENCE_STORAGE", "/nonexistent/storage");
        command.output().unwrap()
    };
    let first = migrate();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let printed = String::from_utf8(first.stdout).unwrap();
    let expected = "created clients\ncreated messages\ncreated message_receipts\ncreated sidecar_";
    assert!(printed.starts_with(expected), "{printed}");
    assert!(String::from_utf8(migrate().stdout).unwrap().starts_with("exists clients\n"));
    let output = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .arg("migrate")
        .env_clear()
        .envs([
            ("DB_CONNECTION", "mysql"),
            ("DB_PORT", "1"),
            ("DB_PASSWORD", "hush-hush"),
            ("PRESENCE__DATABASE__TIMEOUT_MS", "100"),
        ])
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("the database is not available"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}

/// The checksums of released migrations, by versions. A change to a released migration would stop the start of every
/// sidecar that has applied it; changes to tables need a new version.
const CHECKSUMS: [(Engine, [&str; 5]); 3] = [
    (
        Engine::Sqlite,
        [
            "8c17ada0e8bb9522abf11b343388ae65c7cb623a759cb09ea5da400e806db102",
            "bd19e8a4eceb0f66d0fecbe279f06c9cd208161c0078601bce7c247d69314deb",
            "b19433f92df5f6e7d28f8d68d753e85029a6ae2545b223a5ceda60f22e878bcf",
            "9f2408f7d852ab5ea80c4ff49ee5ffeb491e44e7a48e9cfbaee78e384eb0bcb6",
            "68ec0106467831a85fb9e97e67d8619dbc90f9d95f458127c2017d6d44bfb3b9",
        ],
    ),
    (
        Engine::MariaDb,
        [
            "33a9784b0278d38c933814ffbdb497705dd972a084980af41a19c545854639bc",
            "7a823cfc93a6a0f9d35992f689e6b9401ed1c366659ddb7280809cdc6ffe9e97",
            "78afb0fc33f6782de6a56609fe99d68134cd6e7997248fc2b9db70f894e2c575",
            "86142d2a85625d67dc135efb85b111cf394e35e11409c78414b8e4bcb8e1d4fe",
            "819ef4b57d7c3138b89ed3ab02f3dcce2836232c1abb2dcd79f985c65d87aeff",
        ],
    ),
    (
        Engine::Postgres,
        [
            "743164d46aaaf4854832108ff858d10b0303718b884a4f9ca6e56e60f167d871",
            "ae39df8b52968a93ce3d38cd4cb778210eec2dc3671290657de99db26a25497c",
            "01edace2e0684f92fdb557d7dda24e3ab1459e215cf03c4cb64741c04c0ab8eb",
            "5fe3834117c37b65df7c999f5054004781fddac6a26efdd7de41ca24dc50a8da",
            "a65e119ec21fbedacca100123c807f250b9679351038b1f1f6c6e402bed330a6",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn released_migrations_are_unchanged() {
    for (engine, checksums) in CHECKSUMS {
        if engine.server().is_some_and(is_skipped) {
            continue;
        }
        let database = TestDatabase::create(engine);
        let (opened, schema) = open_all(&database, &[]);
        opened.migrate(&schema).await.unwrap();
        let column = if engine == Engine::Postgres { "encode(checksum, 'hex')" } else { "lower(hex(checksum))" };
        let recorded = format!("SELECT {column} FROM sidecar_migrations WHERE success = TRUE ORDER BY version");
        assert_eq!(database.lines(&recorded), checksums, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_an_earlier_release_are_adopted() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let (opened, schema) = open_all(&database, &[]);
        opened.migrate(&schema).await.unwrap();
        // Release 0.1.0 recorded no migrations.
        database.sql("DROP TABLE sidecar_migrations");
        database.sql("INSERT INTO sidecar_presence_log (id, last, trimmed) VALUES (1, 7, 3)");
        let before = columns_and_indexes(&database);
        assert!(!opened.has_missing_tables(&schema).await.unwrap(), "{engine:?}");
        let migrated = opened.migrate(&schema).await.unwrap();
        assert_eq!(migrated.created, ["sidecar_migrations"], "{engine:?}");
        let added: Vec<String> =
            columns_and_indexes(&database).into_iter().filter(|line| !before.contains(line)).collect();
        assert!(added.iter().all(|line| line.starts_with("sidecar_migrations")), "{engine:?}: {added:?}");
        assert_eq!(database.lines("SELECT last FROM sidecar_presence_log"), ["7"], "{engine:?}");
    }
}
