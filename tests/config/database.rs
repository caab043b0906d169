//! The database, by Laravel's names or by URL.

use std::path::PathBuf;
use std::time::Duration;

use presence_sidecar::config::{DatabaseConnection, DatabaseServer, SslMode};
use secrecy::ExposeSecret;

use super::{Workspace, config_with, error_with, load_app, load_app_in};

fn sqlite(pairs: &[(&str, &str)]) -> PathBuf {
    match config_with(pairs).database.connection {
        DatabaseConnection::Sqlite(path) => path,
        other => panic!("{other:?}"),
    }
}

fn server(pairs: &[(&str, &str)]) -> (&'static str, DatabaseServer) {
    match config_with(pairs).database.connection {
        DatabaseConnection::MySql(server) => ("mysql", server),
        DatabaseConnection::Postgres(server) => ("pgsql", server),
        DatabaseConnection::Sqlite(path) => panic!("{}", path.display()),
    }
}

fn hosts(server: &DatabaseServer) -> Vec<String> {
    server.hosts.iter().map(ToString::to_string).collect()
}

#[test]
fn several_hosts_are_in_their_order_each_with_its_port() {
    for (text, expected) in [
        ("a,b", vec!["a:5432", "b:5432"]),
        ("10.0.0.1:5433, 10.0.0.2", vec!["10.0.0.1:5433", "10.0.0.2:5432"]),
        ("[::1]:5433,::2", vec!["[::1]:5433", "[::2]:5432"]),
        ("1:2:3:4:5:6:7:8:5433,[::2]", vec!["[1:2:3:4:5:6:7:8]:5433", "[::2]:5432"]),
    ] {
        let (_, server) = server(&[("DB_CONNECTION", "pgsql"), ("DB_HOST", text)]);
        assert_eq!(hosts(&server), expected, "{text}");
    }
    let url = "postgres://ada@a/shop?host=a,b:5433&target_session_attrs=read-write";
    assert_eq!(hosts(&server(&[("DB_URL", url)]).1), ["a:5432", "b:5433"]);
    for text in ["a,,b", "a:0", "a:x", "[::1", "[::1]5432x:"] {
        let error = error_with(&[("DB_CONNECTION", "pgsql"), ("DB_HOST", text)]);
        assert!(error.starts_with("database.host"), "{error}");
    }
}

#[test]
fn default_database_is_a_file_in_the_storage_folder() {
    let database = config_with(&[]).database;
    assert_eq!(sqlite(&[]), PathBuf::from("/nonexistent/storage/sidecar.sqlite"));
    assert!(database.auto_migrate);
    assert_eq!((database.prefix.as_str(), database.max_connections), ("sidecar_", 10));
    assert_eq!(database.timeout, Duration::from_secs(2));
}

#[test]
fn server_is_configured_by_laravel_names() {
    for (connection, engine, port) in [("mysql", "mysql", 3306), ("mariadb", "mysql", 3306), ("pgsql", "pgsql", 5432)] {
        let (found, server) = server(&[("DB_CONNECTION", connection)]);
        assert_eq!((found, hosts(&server)), (engine, vec![format!("127.0.0.1:{port}")]));
        assert_eq!((server.database.as_str(), server.username.as_str()), ("laravel", "root"));
        assert_eq!((server.ssl, server.password.is_none(), server.socket), (SslMode::Prefer, true, None));
    }
    let (_, server) = server(&[
        ("DB_CONNECTION", "mysql"),
        ("DB_HOST", "[::1]"),
        ("DB_PORT", "3307"),
        ("DB_DATABASE", "shop"),
        ("DB_USERNAME", "ada"),
        ("DB_PASSWORD", "p#s"),
        ("DB_SOCKET", "/run/db.sock"),
        ("DB_SSLMODE", "verify-full"),
    ]);
    assert_eq!((hosts(&server), server.database.as_str()), (vec!["[::1]:3307".to_owned()], "shop"));
    assert_eq!((server.username.as_str(), server.password.unwrap().expose_secret()), ("ada", "p#s"));
    assert_eq!((server.socket, server.ssl), (Some("/run/db.sock".into()), SslMode::VerifyFull));
}

#[test]
fn url_takes_precedence_over_names_as_in_laravel() {
    let url = |url: &str| server(&[("DB_HOST", "other"), ("DB_PASSWORD", "other"), ("DB_URL", url)]);
    let (engine, found) = url("postgresql://ada:p%40ss@db.test:6432/shop?sslmode=require");
    assert_eq!((engine, hosts(&found)), ("pgsql", vec!["db.test:6432".to_owned()]));
    assert_eq!((found.database.as_str(), found.username.as_str()), ("shop", "ada"));
    assert_eq!((found.password.unwrap().expose_secret(), found.ssl), ("p@ss", SslMode::Require));
    let (engine, found) = url("mariadb:///shop?unix_socket=/run/db.sock");
    assert_eq!((engine, hosts(&found)), ("mysql", vec!["other:3306".to_owned()]));
    assert_eq!(found.password.unwrap().expose_secret(), "other");
    assert_eq!(found.socket, Some("/run/db.sock".into()));
    assert_eq!(server(&[("DATABASE_URL", "mysql://db.test/app")]).1.database, "app");
}

#[test]
fn sqlite_file_is_configured_as_in_laravel() {
    assert_eq!(sqlite(&[("DB_DATABASE", "/data/app.sqlite")]), PathBuf::from("/data/app.sqlite"));
    assert_eq!(sqlite(&[("DB_URL", "sqlite:////data/app.sqlite")]), PathBuf::from("/data/app.sqlite"));
    assert_eq!(sqlite(&[("DB_URL", "sqlite:///app%20two.sqlite?synchronous=1")]), PathBuf::from("app two.sqlite"));
    assert!(error_with(&[("DB_DATABASE", ":memory:")]).contains("must be a file"));
}

#[test]
fn app_on_sqlite_shares_its_file() {
    let workspace = Workspace::new();
    workspace.write(".env", "DB_CONNECTION=sqlite\n");
    let file = workspace.write("database/database.sqlite", "");
    let loaded = load_app_in(&workspace.path("."), &[]).unwrap();
    match loaded.config.database.connection {
        DatabaseConnection::Sqlite(path) => assert_eq!(path.canonicalize().unwrap(), file.canonicalize().unwrap()),
        other => panic!("{other:?}"),
    }
    let loaded = load_app("APP_NAME=Shop\n", &[]).unwrap();
    assert!(format!("{:?}", loaded.config.database.connection).contains("sidecar.sqlite"), "an app without a database");
}

#[test]
fn invalid_database_is_rejected_with_its_key() {
    for (name, value, key) in [
        ("DB_CONNECTION", "sqlsrv", "database.connection = \"sqlsrv\""),
        ("DB_URL", "redis://db.test", "database.url"),
        ("DB_URL", "sqlite://x", "database.url"),
        ("DB_PORT", "0", "database.port = 0"),
        ("DB_SSLMODE", "maybe", "database.sslmode = \"maybe\""),
        ("PRESENCE__DATABASE__PREFIX", "a-b", "database.prefix = \"a-b\""),
        ("PRESENCE__DATABASE__TIMEOUT_MS", "1", "database.timeout_ms = 1"),
    ] {
        let error = error_with(&[("DB_CONNECTION", "mysql"), (name, value)]);
        assert!(error.starts_with(key), "{error}");
    }
}

#[test]
fn cache_table_is_that_of_the_app() {
    use presence_sidecar::config::CacheStore;
    let config = load_app("CACHE_STORE=database\nDB_CACHE_TABLE=kept\nDB_CONNECTION=mysql\n", &[]).unwrap().config;
    assert_eq!((config.cache.store, config.database.cache_table.as_str()), (CacheStore::Database, "kept"));
    assert!(error_with(&[("DB_CACHE_TABLE", "a`b")]).contains("letters, digits"));
    let same = [("CACHE_STORE", "database"), ("DB_CONNECTION", "pgsql"), ("DB_CACHE_CONNECTION", "pgsql")];
    assert_eq!(config_with(&same).cache.store, CacheStore::Database);
}

#[test]
fn cache_on_another_connection_is_rejected_only_if_used() {
    let other = [("CACHE_STORE", "database"), ("DB_CONNECTION", "mysql"), ("DB_CACHE_CONNECTION", "sqlite")];
    let error = error_with(&other);
    assert!(error.starts_with("database.cache_connection = \"sqlite\" (environment DB_CACHE_CONNECTION)"), "{error}");
    assert!(error.contains("database.connection = \"mysql\""), "{error}");
    config_with(&[("CACHE_STORE", "redis"), other[1], other[2]]);
}

#[test]
fn database_store_adds_no_colon_to_the_prefix() {
    let prefix = |store: &str| {
        let pairs = [("PRESENCE_LARAVEL_VERSION", "8"), ("CACHE_PREFIX", "shop"), ("CACHE_STORE", store)];
        config_with(&pairs).laravel.cache_prefix
    };
    assert_eq!([prefix("database"), prefix("redis")], ["shop", "shop:"]);
}

#[test]
fn trusted_certificate_is_verified_whatever_the_mode() {
    for (connection, verified) in [("mysql", SslMode::VerifyFull), ("pgsql", SslMode::VerifyCa)] {
        let mode = |more: &[(&str, &str)]| {
            let own = [("DB_CONNECTION", connection), ("MYSQL_ATTR_SSL_CA", "/etc/ca.pem")];
            server(&[own.as_slice(), more].concat()).1.ssl
        };
        assert_eq!(mode(&[]), verified);
        for (stated, expected) in [
            ("allow", verified),
            ("prefer", verified),
            ("require", verified),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ] {
            assert_eq!(mode(&[("DB_SSLMODE", stated)]), expected, "{connection} {stated}");
        }
        assert_eq!(mode(&[("DB_SOCKET", "/run/db.sock")]), SslMode::Prefer, "a socket does not leave the host");
        let both = [("DB_CONNECTION", connection), ("MYSQL_ATTR_SSL_CA", "/etc/ca.pem"), ("DB_SSLMODE", "disable")];
        let error = error_with(&both);
        assert!(error.starts_with("database.sslmode = \"disable\"") && error.contains("database.ssl_ca"), "{error}");
    }
}

#[test]
fn url_with_tls_settings_is_applied_or_rejected() {
    let url = |url: &str| server(&[("DB_CONNECTION", "pgsql"), ("DB_URL", url)]).1;
    let found = url("pgsql://db.test/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem&timezone=Europe/Paris");
    assert_eq!((found.ssl, found.ssl_ca), (SslMode::VerifyFull, Some("/etc/ca.pem".into())));
    assert_eq!(found.timezone.as_deref(), Some("Europe/Paris"));
    let error = error_with(&[("DB_URL", "pgsql://db.test/shop?sslcert=/etc/client.pem")]);
    assert!(error.starts_with("database.url") && error.contains("sslcert"), "{error}");
}

#[test]
fn session_time_zone_is_that_of_the_apps_connection() {
    let zone = |zone: &str| [("DB_CONNECTION", "mysql".to_owned()), ("PRESENCE__DATABASE__TIMEZONE", zone.to_owned())];
    let found = |text: &str| {
        let pairs = zone(text);
        server(&pairs.each_ref().map(|(name, value)| (*name, value.as_str()))).1.timezone
    };
    assert_eq!(found("+00:00").as_deref(), Some("+00:00"));
    assert_eq!(server(&[("DB_CONNECTION", "mysql")]).1.timezone, None, "that of the server");
    let pairs = zone("UTC'; DROP TABLE x");
    let error = error_with(&pairs.each_ref().map(|(name, value)| (*name, value.as_str())));
    assert!(error.starts_with("database.timezone"), "{error}");
}
