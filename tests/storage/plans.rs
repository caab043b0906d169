//! The plans of the statements that requests wait for, on large tables: each reads few rows, by an index.

use std::fmt::Write as _;

use presence_sidecar::storage::sql::Engine as SqlEngine;
use presence_sidecar::{messaging, presence, queue};

use super::open_all;
use crate::support::{ENGINES, Engine, TestDatabase};

/// The client with most messages, and another one.
const BUSY: &str = "00000000-0000-4000-8000-000000000001";

/// The number of messages of the busy client; another client has as many, and a thousand have few.
const MESSAGES: u32 = 60_000;

/// The number of clients, of users and of changes.
const ROWS: u32 = 20_000;

/// Statements and their arguments. A last argument that is a number limits the rows.
const HOT: &[(&str, &str, &[&str])] = &[
    ("messages", "poll_states", &[BUSY]),
    ("messages", "pages", &["0", "20000", BUSY, "1000", "50"]),
    ("messages", "client", &[BUSY]),
    ("messages", "client_by_fingerprint", &["f100"]),
    ("messages", "clients_page_first", &["1000"]),
    ("messages", "clients_page", &[BUSY, "1000"]),
    ("messages", "summaries", &[BUSY]),
    ("messages", "free_recipients", &[BUSY]),
    ("messages", "known_clients", &[BUSY]),
    ("messages", "done_keys", &["key"]),
    ("messages", "last_before", &["100", "2026-01-01 00:00:00"]),
    ("presence", "load", &["n1", "k1"]),
    ("presence", "records", &["k1"]),
    ("presence", "versions", &["n1"]),
    ("presence", "due", &["100", "50"]),
    ("presence", "roster", &["s", "online", "100"]),
    ("presence", "roster_after", &["s", "online", "m2", "100"]),
    ("presence", "counts", &["s"]),
    ("presence", "scan", &["100", "100"]),
    ("presence", "changes", &["100", "100", "100", "1048576"]),
    ("presence", "history", &["n7", "20"]),
    ("presence", "first_kept", &["100"]),
    ("queue", "is_ready", &["q"]),
    ("queue", "heads", &["l1"]),
    ("queue", "runs", &["l1", "64"]),
    ("queue", "jobs_of_runs", &["100"]),
    ("queue", "run_ids", &["l1", "64"]),
    ("queue", "known_lanes", &["l1"]),
    ("queue", "held_jobs", &["l1"]),
    ("queue", "lane", &["l1", "100"]),
    ("queue", "dead", &["q", "0", "0", "", "100"]),
    ("queue", "pending", &["q", "0", "0", "", "100"]),
];

/// An expression for numbers from 1 to `count`, as a table with the column `n`.
fn numbers(engine: Engine, count: u32) -> String {
    match engine {
        Engine::MariaDb => {
            let digit = "(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 \
                         UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
            let digits: Vec<String> = "abcde".chars().map(|name| format!("{digit} AS {name}")).collect();
            let value = "1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d";
            format!("(SELECT {value} AS n FROM {} WHERE {value} <= {count}) AS numbers", digits.join(", "))
        }
        Engine::Postgres => format!("(SELECT n FROM generate_series(1, {count}) AS n) AS numbers"),
        Engine::Sqlite => format!(
            "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s) AS numbers"
        ),
    }
}

/// Fills the tables, and lets the planner know.
fn fill(database: &TestDatabase) {
    let engine = database.engine;
    let (concat, quote) = match engine {
        Engine::MariaDb => (["CONCAT(", ", ", ")"], '`'),
        Engine::Postgres | Engine::Sqlite => (["(", " || ", ")"], '"'),
    };
    let text = |prefix: &str| format!("{}'{prefix}'{}n{}", concat[0], concat[1], concat[2]);
    let hex = match engine {
        Engine::MariaDb => "LPAD(n, 12, '0')",
        Engine::Postgres => "lpad(n::text, 12, '0')",
        Engine::Sqlite => "printf('%012d', n)",
    };
    let cast = if engine == Engine::Postgres { "::uuid" } else { "" };
    let id = |n: &str| format!("{}'00000000-0000-4000-8000-'{}{n}{}", concat[0], concat[1], concat[2]) + cast;
    let time = match engine {
        Engine::MariaDb => "TIMESTAMP('2026-01-01 00:00:00') + INTERVAL n SECOND",
        Engine::Postgres => "timestamp '2026-01-01 00:00:00' + n * interval '1 second'",
        Engine::Sqlite => "datetime('2026-01-01 00:00:00', n || ' seconds')",
    };
    let (many, rows, few) = (numbers(engine, MESSAGES), numbers(engine, ROWS), numbers(engine, 1_000));
    let to = |n: &str| format!("'00000000-0000-4000-8000-{n:0>12}'{cast}");
    let message = "'t', 'cccccccccccccccccccccccccccccccc', 'n', 't', '2026-01-02 03:04:05'";
    let message = if engine == Engine::Postgres { format!("{message}::timestamp") } else { message.to_owned() };
    let into_messages = "INSERT INTO messages (to_client_id, type, ciphertext, nonce, tag, created_at) SELECT";
    let mut script = String::new();
    for statement in [
        format!(
            "INSERT INTO clients (id, fingerprint, api_token_hash, encryption_key_encrypted, created_at) \
             SELECT {}, {}, 'h', 'k', {time} FROM {rows}",
            id(hex),
            text("f")
        ),
        format!("{into_messages} {}, {message} FROM {many}", to("1")),
        format!("{into_messages} {}, {message} FROM {many}", to("2")),
        format!("{into_messages} {}, {message} FROM {few}", id(hex)),
        format!(
            "INSERT INTO sidecar_presence_users (name, logical, scope, member, status, version, due, state) \
             SELECT {}, 'l', 's', {}, 'online', n, n, '' FROM {rows}",
            text("n"),
            text("m")
        ),
        // Of 50 users.
        format!(
            "INSERT INTO sidecar_presence_changes (number, at, name, {quote}change{quote}) SELECT n, n, {}'n'{}(n % 50){}, '' \
             FROM {rows}",
            concat[0], concat[1], concat[2]
        ),
        "INSERT INTO sidecar_presence_log (id, last, trimmed) VALUES (1, 20000, 0)".to_owned(),
        format!(
            "INSERT INTO cache ({quote}key{quote}, {quote}value{quote}, expiration) SELECT {}, 'v', n FROM {rows}",
            text("k")
        ),
        format!("INSERT INTO sidecar_queue_lanes (lane_key, queue, ready_at) SELECT {}, 'q', n FROM {rows}", text("l")),
        format!(
            "INSERT INTO sidecar_queue_jobs \
             (queue, id, lane_key, lane, payload, not_before, pushed_at, listed_at, dead, tries) \
             SELECT 'q', {}, {}, 'l', '', n, n, n, n % 2, '' FROM {rows}",
            text("j"),
            text("l")
        ),
    ] {
        writeln!(script, "{statement};").unwrap();
    }
    let tables = "clients, messages, message_receipts, cache, sidecar_presence_users, sidecar_presence_changes, \
                  sidecar_queue_lanes, sidecar_queue_jobs";
    script += &match engine {
        Engine::MariaDb => format!("ANALYZE TABLE {tables};"),
        Engine::Postgres => format!("ANALYZE {tables};"),
        Engine::Sqlite => "ANALYZE;".to_owned(),
    };
    database.sql(&script);
}

/// A statement for one item.
fn once(text: &str) -> String {
    text.replace("[[", "").replace("|UNION ALL]]", "").replace("]]", "")
}

/// A statement with its arguments in it.
fn filled(text: &str, args: &[&str]) -> String {
    let mut parts = text.split('?');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for (arg, part) in args.iter().zip(parts) {
        let is_number = arg.parse::<i64>().is_ok();
        whole += &if is_number { (*arg).to_owned() } else { format!("'{arg}'") };
        whole += part;
    }
    whole
}

/// The largest number of rows, or of pages of Postgres, that a statement reads for each row it may return. A page of the
/// log has most: MariaDB adds up the sizes of its rows in temporary tables.
const READS_PER_ROW: u64 = 12;

/// The number of rows that a statement reads on MariaDB, of pages on Postgres. SQLite has no such counter: 0 if it reads each
/// table by an index and sorts nothing.
fn reads(database: &TestDatabase, name: &str, statement: &str) -> (u64, String) {
    match database.engine {
        Engine::MariaDb => {
            // A connection seldom has the collation of the tables, here utf8mb4_unicode_ci.
            let status = format!(
                "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci; FLUSH STATUS; {statement}; \
                 SHOW SESSION STATUS LIKE 'Handler_read%'"
            );
            let output = database.sql(&status);
            let counters = output.lines().filter(|line| line.starts_with("Handler_read")).collect::<Vec<_>>();
            let count = |line: &&str| line.split('\t').nth(1).unwrap().parse::<u64>().unwrap();
            (counters.iter().map(count).sum(), counters.join("\n"))
        }
        Engine::Postgres => {
            let plan = database.sql(&format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {statement}"));
            let buffers = plan.lines().find(|line| line.contains("Buffers: shared")).unwrap_or_default();
            let count = |part: &str| part.split_once('=').and_then(|(_, count)| count.parse::<u64>().ok());
            (buffers.split(' ').filter_map(count).sum(), plan)
        }
        Engine::Sqlite => {
            let plan = database.sql(&format!("EXPLAIN QUERY PLAN {statement}"));
            let is_bad = |line: &&str| {
                // It sorts the rows of a page.
                let sorts = line.contains("USE TEMP B-TREE") && name != "changes";
                sorts || (line.contains("SCAN") && !line.contains("USING") && !is_small(name, line))
            };
            (plan.lines().filter(is_bad).count() as u64 * 1_000_000, plan)
        }
    }
}

/// Whether SQLite scans a table of one row, the rows of an inner statement, or those at the beginning of the log.
fn is_small(name: &str, line: &str) -> bool {
    let inner = [
        "SCAN l",
        "SCAN c LEFT-JOIN",
        "SCAN oldest",
        "SCAN batch",
        "SCAN sizes",
        "SCAN page",
        "SCAN (subquery",
        "CONSTANT ROW",
    ];
    let is_of_inner = inner.iter().any(|small| line.contains(small));
    is_of_inner || (name == "first_kept" && line.contains("SCAN sidecar_presence_changes"))
}

#[tokio::test(flavor = "multi_thread")]
async fn hot_statements_read_few_rows_of_large_tables() {
    slow!();
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let (opened, schema) = open_all(&database, &[]);
        opened.migrate(&schema).await.unwrap();
        fill(&database);
        let sql_engine: SqlEngine = opened.engine();
        let files = [
            ("messages", messaging::store::statements(sql_engine, schema.names())),
            ("presence", presence::store::sql_statements(sql_engine, schema.names())),
            ("queue", queue::sql_statements(sql_engine, schema.names())),
        ];
        for (file, name, args) in HOT {
            let statements = &files.iter().find(|(known, _)| known == file).unwrap().1;
            let statement = filled(&once(statements.text(name)), args);
            let limit = match *name {
                "first_kept" => 1_001,
                "last_before" => 500,
                _ => args.last().and_then(|limit| limit.parse().ok()).unwrap_or(1_u64),
            };
            let (reads, plan) = reads(&database, name, &statement);
            assert!(reads <= READS_PER_ROW * limit + 20, "{engine:?} {name} reads {reads}: {statement}\n{plan}");
        }
    }
}
