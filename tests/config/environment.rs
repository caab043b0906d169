//! Every environment name sets its key, with the value that Laravel would use.

use presence_sidecar::config::{aliases, load};
use secrecy::ExposeSecret;

use super::{config_with, environment, error_with, layer_of, load_with, value_of};

/// For each name a value, the key that it sets, and the printed value.
const CASES: [(&str, &str, &str, &str); 65] = [
    ("PRESENCE_DRIVER", "cache", "driver", "\"cache\""),
    ("PRESENCE_STORAGE", "/nonexistent/elsewhere", "storage", "\"/nonexistent/elsewhere\""),
    ("PRESENCE_CACHE_STORE", "redis", "cache.store", "\"redis\""),
    ("CACHE_STORE", "redis", "cache.store", "\"redis\""),
    ("CACHE_DRIVER", "redis", "cache.store", "\"redis\""),
    ("PRESENCE_TTL", "300", "cache.ttl_seconds", "300"),
    ("PRESENCE_AWAY_AFTER", "30", "cache.away_after_seconds", "30"),
    ("REDIS_URL", "redis://cache.test:6380/3", "redis.url", "\"redis://cache.test:6380/3\""),
    ("REDIS_HOST", "cache.test", "redis.host", "\"cache.test\""),
    ("REDIS_PORT", "6380", "redis.port", "6380"),
    ("REDIS_SCHEME", "tls", "redis.scheme", "\"tls\""),
    ("REDIS_USERNAME", "ada", "redis.username", "\"ada\""),
    ("REDIS_PASSWORD", "hush", "redis.password", "\"********\""),
    ("REDIS_DB", "4", "redis.db", "4"),
    ("REDIS_CACHE_DB", "5", "redis.cache_db", "5"),
    ("REDIS_CACHE_CONNECTION", "default", "redis.cache_connection", "\"default\""),
    ("REDIS_PREFIX", "app:", "redis.prefix", "\"app:\""),
    ("DB_CONNECTION", "mariadb", "database.connection", "\"mariadb\""),
    ("DATABASE_URL", "mysql://db.test/app", "database.url", "\"mysql://db.test/app\""),
    ("DB_URL", "pgsql://ada:hush@db.test", "database.url", "\"pgsql://ada:********@db.test\""),
    ("DB_HOST", "db.test", "database.host", "\"db.test\""),
    ("DB_PORT", "3307", "database.port", "3307"),
    ("DB_DATABASE", "app", "database.database", "\"app\""),
    ("DB_USERNAME", "ada", "database.username", "\"ada\""),
    ("DB_PASSWORD", "hush", "database.password", "\"********\""),
    ("DB_SOCKET", "/run/db.sock", "database.socket", "\"/run/db.sock\""),
    ("DB_SSLMODE", "require", "database.sslmode", "\"require\""),
    ("MYSQL_ATTR_SSL_CA", "/etc/ca.pem", "database.ssl_ca", "\"/etc/ca.pem\""),
    ("DB_CACHE_TABLE", "kept", "database.cache_table", "\"kept\""),
    ("DB_CACHE_CONNECTION", "sqlite", "database.cache_connection", "\"sqlite\""),
    ("APP_KEY", "0123456789abcdef0123456789abcdef", "laravel.app_key", "\"********\""),
    ("APP_PREVIOUS_KEYS", "one,two", "laravel.previous_keys", "[\"********\", \"********\"]"),
    ("ADMIN_TOKEN", "hush", "messaging.admin_token", "\"********\""),
    ("QUEUE_CONNECTION", "redis", "messaging.queue", "\"redis\""),
    ("OPERATOR_TOKENS", "one, two", "messaging.operator_tokens", "[\"********\", \"********\"]"),
    ("PRESENCE_LARAVEL_VERSION", "11", "laravel.version", "\"11\""),
    ("APP_NAME", "My App", "laravel.app_name", "\"My App\""),
    ("APP_TIMEZONE", "Europe/Berlin", "laravel.timezone", "\"Europe/Berlin\""),
    ("CACHE_PREFIX", "c:", "laravel.cache_prefix", "\"c:\""),
    ("PRESENCE_REGISTRATION_TOKEN", "hush", "registration.token", "\"********\""),
    ("PRESENCE_WEBHOOK_URL", "http://a.test/hook", "webhook.url", "\"http://a.test/********\""),
    ("PRESENCE_WEBHOOK_SECRET", "hush", "webhook.secret", "\"********\""),
    ("PRESENCE_TOKEN", "one, two", "auth.tokens", "[\"********\", \"********\"]"),
    ("PRESENCE_USER_TOKEN_SECRET", "one", "auth.user_token_secrets", "[\"********\"]"),
    ("PRESENCE_LISTEN", "unix:/run/p.sock", "server.listen", "[\"unix:/run/p.sock\"]"),
    ("PRESENCE_LOG", "debug", "log.filter", "\"debug\""),
    ("PRESENCE_LOG_FORMAT", "json", "log.format", "\"json\""),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "http://u:p@a.test:4318/k",
        "otlp.endpoint",
        "\"http://********@a.test:4318/********\"",
    ),
    ("OTEL_SERVICE_NAME", "shop-presence", "otlp.service_name", "\"shop-presence\""),
    ("BROADCAST_CONNECTION", "reverb", "broadcast.connection", "\"reverb\""),
    ("BROADCAST_DRIVER", "log", "broadcast.connection", "\"log\""),
    ("REVERB_APP_ID", "7", "broadcast.reverb.app_id", "\"7\""),
    ("REVERB_APP_KEY", "key", "broadcast.reverb.key", "\"key\""),
    ("REVERB_APP_SECRET", "hush", "broadcast.reverb.secret", "\"********\""),
    ("REVERB_HOST", "a.test", "broadcast.reverb.host", "\"a.test\""),
    ("REVERB_PORT", "8080", "broadcast.reverb.port", "8080"),
    ("REVERB_SCHEME", "http", "broadcast.reverb.scheme", "\"http\""),
    ("REVERB_SERVER_PATH", "/reverb", "broadcast.reverb.path", "\"/reverb\""),
    ("PUSHER_APP_ID", "7", "broadcast.pusher.app_id", "\"7\""),
    ("PUSHER_APP_KEY", "key", "broadcast.pusher.key", "\"key\""),
    ("PUSHER_APP_SECRET", "hush", "broadcast.pusher.secret", "\"********\""),
    ("PUSHER_HOST", "a.test", "broadcast.pusher.host", "\"a.test\""),
    ("PUSHER_PORT", "8080", "broadcast.pusher.port", "8080"),
    ("PUSHER_SCHEME", "http", "broadcast.pusher.scheme", "\"http\""),
    ("PUSHER_APP_CLUSTER", "eu", "broadcast.pusher.cluster", "\"eu\""),
];

#[test]
fn every_environment_name_sets_its_key() {
    for (name, text, key, printed) in CASES {
        let loaded = load_with(&[(name, text)]);
        assert_eq!(value_of(&loaded, key), printed, "{name}");
        assert_eq!(layer_of(&loaded, key), format!("environment {name}"));
    }
}

#[test]
fn every_environment_name_has_a_case() {
    let tested = CASES.map(|(name, _, key, _)| (name, key));
    assert!(aliases().all(|alias| tested.contains(&(alias.name, alias.key))));
    assert_eq!(aliases().count(), tested.len());
}

#[test]
fn empty_value_counts_as_unset() {
    for nothing in ["", "null", "(null)", "NULL"] {
        let names: Vec<_> = aliases().filter(|alias| alias.empty.is_none()).map(|alias| alias.name).collect();
        let loaded = load_with(&names.iter().map(|name| (*name, nothing)).collect::<Vec<_>>());
        let layers: Vec<_> = loaded.origins.iter().map(|origin| origin.layer.as_str()).collect();
        for name in names.iter().filter(|name| **name != "PRESENCE_STORAGE") {
            let set = format!("environment {name}");
            assert!(layers.iter().all(|layer| *layer != set), "{set} = {nothing}");
        }
    }
}

#[test]
fn empty_prefix_is_a_value() {
    let config = config_with(&[("REDIS_PREFIX", ""), ("CACHE_PREFIX", ""), ("REDIS_CACHE_DB", "")]);
    assert_eq!((config.redis.prefix.as_str(), config.laravel.cache_prefix.as_str()), ("", ""));
    assert_eq!(config.redis.cache_db, 0, "Laravel selects no database then");
}

#[test]
fn last_of_two_equal_names_is_used() {
    assert_eq!(config_with(&[("PRESENCE_TTL", "300"), ("PRESENCE_TTL", "301")]).cache.ttl_seconds, 301);
}

#[test]
fn tokens_are_a_comma_separated_list_in_order() {
    let config = config_with(&[("PRESENCE_TOKEN", "first-of-the-two , second-of-the-two,,")]);
    let tokens: Vec<_> = config.auth.tokens.iter().map(secrecy::ExposeSecret::expose_secret).collect();
    assert_eq!(tokens, ["first-of-the-two", "second-of-the-two"]);
    assert_eq!(config.missing_secrets(), ["APP_KEY"]);
    assert!(error_with(&[("PRESENCE_TOKEN", "two words")]).contains("no spaces"));
    assert_eq!(config_with(&[("PRESENCE_TOKEN", ",")]).missing_secrets(), ["PRESENCE_TOKEN", "APP_KEY"]);
}

#[test]
fn double_underscore_names_set_every_kind_of_key() {
    let config = config_with(&[
        ("PRESENCE__SERVER__BODY_LIMIT", "2097152"),
        ("PRESENCE__SCOPE__RESOLVER__TENANT", "claim:tenant_id,body"),
        ("PRESENCE__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\", \"::1\"]"),
        ("PRESENCE__WEBHOOK__SEND_ON__HEARTBEAT", "yes"),
        ("PRESENCE__ROUTING__PREFIX", "live"),
        ("PRESENCE__REDIS__PASSWORD", "12345"),
        ("PRESENCE__WEBHOOK__HEADERS", "{ \"X-Team\" = \"blue\" }"),
        ("PRESENCE__LARAVEL__APP_NAME", "\"Quoted\""),
        ("PRESENCE__SERVER__LISTEN", "127.0.0.1:1"),
        ("PRESENCE__METRICS__LISTEN", ""),
    ]);
    assert_eq!(config.server.body_limit, 2_097_152);
    assert_eq!(config.scope.resolver.tenant.len(), 2);
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.routing.prefix, "live");
    assert_eq!(config.redis.password.unwrap().expose_secret(), "12345");
    assert_eq!(config.laravel.app_name, "Quoted");
}

#[test]
fn double_underscore_name_sets_endpoints() {
    let endpoints = "[{ url = \"http://crm.test/hook\", secret = \"hush\", send_on = { away = false } }]";
    let config = config_with(&[("PRESENCE__WEBHOOK__ENDPOINTS", endpoints)]);
    assert_eq!(config.webhook.endpoints[0].name, "crm.test");
    assert!(!config.webhook.endpoints[0].send_on.away && config.webhook.endpoints[0].send_on.online);
}

#[test]
fn value_cannot_inject_other_keys() {
    let error = error_with(&[("PRESENCE__CACHE__TTL_SECONDS", "300\naway_after_seconds = 1")]);
    assert!(error.contains("must be a whole number") && !error.contains('\n'), "{error}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: crate::support::cases(300), failure_persistence: None, ..Default::default() })]

    #[test]
    fn load_never_panics_and_errors_have_one_line(index in 0usize..256, text in "\\PC{0,12}|[ -~]{0,24}|[a-z]{2,6}:[/a-z0-9:@?&%=.\\[\\]-]{0,20}") {
        let name = match aliases().nth(index % 69) {
            Some(alias) => alias.name.to_owned(),
            None => {
                let keys = load_with(&[]).origins;
                format!("PRESENCE__{}", keys[index % keys.len()].key.to_uppercase().replace('.', "__"))
            }
        };
        match load(&environment(&[(&name, &text)])) {
            Ok(loaded) => assert!(loaded.describe().parse::<toml::Table>().is_ok()),
            Err(error) => assert!(!error.to_string().contains(char::is_control)),
        }
    }
}
