//! TLS: trusted certificates are enforced, and a connection whose statement was cut is not used again.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use presence_sidecar::app::App;
use presence_sidecar::storage::sql::{Database, Error, Statements};

use super::{RECOVERY, Traffic, environment};
use crate::storage::{config, loaded};
use crate::support::{Certificates, ENGINES, Engine, Process, ServerOptions, SqlServer, TestDatabase};

/// A server with the certificate.
fn secured(engine: Engine, certificates: &Certificates) -> Arc<Mutex<SqlServer>> {
    let [certificate, key] = [certificates.server(), certificates.key()].map(|path| path.display().to_string());
    let arguments = match engine {
        Engine::Postgres => {
            let settings = ["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
            settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
        }
        Engine::MariaDb | Engine::Sqlite => vec![format!("--ssl-cert={certificate}"), format!("--ssl-key={key}")],
    };
    certificates.give_key_to(engine);
    Arc::new(Mutex::new(SqlServer::start_with(engine, ServerOptions { arguments, ..ServerOptions::default() })))
}

async fn connect(database: &TestDatabase, more: &[(&str, &str)]) -> Result<(), Error> {
    let opened = Database::open(&config(database, more).database);
    let statements = Statements::read(opened.engine(), "-- name: one\nSELECT CAST(1 AS CHAR(1))\n", &[]);
    opened.rows(&statements.get("one"), &[]).await.map(drop)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn trusted_certificate_is_enforced() {
    require!("openssl");
    let (certificates, others) = (Certificates::create(), Certificates::create());
    let (trusted, wrong) = (certificates.authority(), others.authority());
    for engine in ENGINES.servers() {
        let database = TestDatabase::create_on(&secured(engine, &certificates));
        let with = |ca: &str, more: &[(&'static str, &'static str)]| {
            let ca = ("MYSQL_ATTR_SSL_CA", ca.to_owned());
            let pairs = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
            std::iter::once(ca).chain(pairs).collect::<Vec<_>>()
        };
        for mode in ["prefer", "require", "verify-ca", "verify-full"] {
            let right = with(text(&trusted), &[("DB_SSLMODE", mode)]);
            connect_with(&database, &right)
                .await
                .unwrap_or_else(|error| panic!("{engine:?} {mode}: {}", error.chain()));
            let refused = connect_with(&database, &with(text(&wrong), &[("DB_SSLMODE", mode)])).await.unwrap_err();
            assert!(matches!(refused, Error::Unavailable(_)), "{engine:?} {mode}: {refused:?}");
            assert!(refused.chain().contains("certificate"), "{engine:?} {mode}: {}", refused.chain());
        }
        connect(&database, &[]).await.unwrap();
        let plain = TestDatabase::create(engine);
        let refused = connect_with(&plain, &with(text(&trusted), &[])).await.unwrap_err();
        // MySQL, and MariaDB since version 11.4, always have a certificate, signed by themselves.
        let reason = refused.chain();
        assert!(reason.contains("TLS") || reason.contains("certificate"), "{engine:?}: {reason}");
    }
}

async fn connect_with(database: &TestDatabase, more: &[(&'static str, String)]) -> Result<(), Error> {
    let more: Vec<(&str, &str)> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
    connect(database, &more).await
}

#[test]
fn trusted_certificate_that_cannot_be_read_stops_the_start() {
    require!("postgres");
    let database = TestDatabase::create(Engine::Postgres);
    let file = tempfile::NamedTempFile::new().unwrap();
    for (path, why) in [("/nonexistent/ca.pem", "cannot be read"), (text(file.path()), "no certificate")] {
        let loaded = loaded(&database, &[("MYSQL_ATTR_SSL_CA", path), ("PRESENCE_CACHE_STORE", "database")]);
        let error = App::build(&loaded).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("database.ssl_ca") && error.contains(path) && error.contains(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_whose_statement_was_cut_is_replaced() {
    require!("openssl", "mariadbd");
    let certificates = Certificates::create();
    let database = TestDatabase::create_on(&secured(Engine::MariaDb, &certificates));
    let limits = [
        ("PRESENCE__DATABASE__MAX_CONNECTIONS", "1"),
        ("DB_SSLMODE", "require"),
        ("PRESENCE__DATABASE__TIMEOUT_MS", "1000"),
    ];
    let mut process = Process::start(&environment(&database, &limits));
    let mut traffic = Traffic::of(process.client.clone());
    traffic.recover().await;
    let held = database.hold_with("LOCK TABLES cache WRITE, clients WRITE");
    traffic.fail().await;
    drop(held);
    traffic.recover().await;

    let held = database.hold_with("LOCK TABLES cache WRITE, clients WRITE");
    traffic.fail().await;
    let started = Instant::now();
    assert!(process.terminate().success());
    assert!(started.elapsed() < RECOVERY + Duration::from_secs(5), "stopping took {:?}", started.elapsed());
    drop(held);
}
