//! Messaging: tokens, limits, tables and the fan-out queue.

use std::time::Duration;

use presence_sidecar::config::{FanoutQueue, Sources, load};

use super::{Workspace, config_of, config_with, error_of, error_with, load_app, load_app_in};

#[test]
fn default_messaging_allows_only_registration() {
    let config = config_with(&[]);
    let messaging = config.messaging;
    assert!(messaging.enabled && messaging.admin_token.is_none() && messaging.operator_tokens.is_empty());
    assert!(messaging.registration_token.is_none() && config.laravel.crypt.is_none());
    assert_eq!((messaging.keep_acked, messaging.keep, messaging.bcrypt_cost), (None, None, 4));
    assert_eq!(messaging.max_recipients, 1000);
    let [poll, api, register] = [messaging.limits.poll, messaging.limits.api, messaging.limits.register];
    assert_eq!([poll, api, register].map(|limit| limit.unwrap().max), [120, 60, 30]);
    assert_eq!(messaging.tables.message_receipts, "message_receipts");
}

#[test]
fn messaging_is_configured_only_by_a_token_or_enabled() {
    let is_configured = |env: &str, pairs: &[(&str, &str)]| {
        let config = load_app(env, pairs).unwrap().config;
        assert!(config.messaging.enabled && config.database.app_migrations.is_some());
        config.messaging.is_configured
    };
    assert!(!is_configured("DB_CONNECTION=mysql\nDB_DATABASE=shop\n", &[]));
    assert!(is_configured("DB_CONNECTION=mysql\nADMIN_TOKEN=secret-secret-secret\n", &[]));
    assert!(is_configured("DB_URL=mysql://a@b/c\nOPERATOR_TOKENS=one,two\n", &[]));
    assert!(is_configured("DB_HOST=db\n", &[("PRESENCE__REGISTRATION__TOKEN", "secret-secret-secret")]));
    assert!(is_configured("DB_HOST=db\n", &[("PRESENCE__MESSAGING__ENABLED", "true")]));
    let own = load_app("APP_NAME=Shop\n", &[("DB_DATABASE", "/data/own.sqlite")]).unwrap().config;
    assert!(own.database.app_migrations.is_none() && !own.messaging.is_configured);
    let app = Workspace::new();
    app.write(".env", "APP_NAME=Shop\n");
    std::fs::create_dir(app.0.path().join("database")).unwrap();
    app.write("database/database.sqlite", "");
    assert!(load_app_in(app.0.path(), &[]).unwrap().config.database.app_migrations.is_some());
    let off = config_with(&[("PRESENCE__MESSAGING__ENABLED", "false"), ("ADMIN_TOKEN", "secret-secret-secret")]);
    assert!(!off.messaging.enabled);
}

#[test]
fn rate_limits_have_the_form_of_laravel() {
    let limits = |text: &str| config_with(&[("PRESENCE__MESSAGING__LIMITS__REGISTER", text)]).messaging.limits;
    let register = limits("600,2").register.unwrap();
    assert_eq!((register.max, register.per), (600, Duration::from_secs(120)));
    assert!(limits("").register.is_none());
    assert!(error_with(&[("PRESENCE__MESSAGING__LIMITS__POLL", "many")]).contains("messaging.limits.poll"));
}

#[test]
fn operator_tokens_are_trimmed() {
    assert_eq!(config_with(&[("OPERATOR_TOKENS", " a , ,b,")]).messaging.operator_tokens.len(), 2);
    assert_eq!(config_of("[messaging]\noperator_tokens = [\" \", \"a\"]").messaging.operator_tokens.len(), 1);
}

#[test]
fn app_keys_must_fit_the_cipher() {
    let long = "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert!(config_with(&[("APP_KEY", long), ("APP_PREVIOUS_KEYS", long)]).laravel.crypt.is_some());
    assert!(error_with(&[("APP_KEY", "base64:AAAA")]).starts_with("laravel.app_key"));
    assert!(error_with(&[("APP_KEY", long), ("APP_PREVIOUS_KEYS", "short")]).starts_with("laravel.previous_keys"));
    assert!(error_of("[laravel]\ncipher = \"aes-256-xts\"").starts_with("laravel.cipher"));
}

#[test]
fn table_names_must_be_plain() {
    assert_eq!(config_of("[messaging.tables]\nclients = \"app_clients\"").messaging.tables.clients, "app_clients");
    assert!(error_of("[messaging.tables]\nclients = \"a`b\"").contains("messaging.tables.clients"));
    assert!(error_of("[messages]\nkeep_days = -1").contains("messages.keep_days"));
}

#[test]
fn fanout_queue_follows_the_app_if_supported() {
    let queue = |name: &str| config_with(&[("QUEUE_CONNECTION", name)]).messaging.queue;
    assert_eq!(config_with(&[]).messaging.queue, FanoutQueue::Database);
    assert_eq!(
        ["sync", "database", "redis", "beanstalkd"].map(queue),
        [FanoutQueue::Sync, FanoutQueue::Database, FanoutQueue::Redis, FanoutQueue::Database]
    );
    let own = [("QUEUE_CONNECTION", "redis"), ("PRESENCE__MESSAGING__QUEUE", "sync")];
    assert_eq!(config_with(&own).messaging.queue, FanoutQueue::Sync);
    assert!(error_of("[messaging]\nqueue = \"sqs\"").contains("must be sync, database or redis"));
    let sources = Sources { environment: vec![("QUEUE_CONNECTION".into(), "sqs".into())], ..Sources::default() };
    let warnings = load(&sources).unwrap().warnings;
    assert!(
        warnings.iter().any(|line| line.contains("(environment QUEUE_CONNECTION) is not a queue of the sidecar")),
        "{warnings:?}"
    );
}

#[test]
fn empty_registration_token_is_rejected() {
    let error = error_with(&[("PRESENCE__REGISTRATION__TOKEN", "")]);
    assert!(error.contains("is empty, which would open registration to every caller"), "{error}");
    assert!(error.starts_with("registration.token (environment PRESENCE__REGISTRATION__TOKEN)"), "{error}");
}

#[test]
fn one_message_must_fit_into_the_bytes_of_a_window() {
    let error = error_of("[messaging]\nmax_stored_bytes = 100000\nlimits = { stored_bytes = \"50000,1\" }");
    assert!(error.contains("must not exceed the bytes of messaging.limits.stored_bytes"), "{error}");
    let unlimited = config_of("[messaging]\nmax_stored_bytes = 100000\nlimits = { stored_bytes = \"\" }");
    assert_eq!(unlimited.messaging.max_stored_bytes, 100_000);
}
