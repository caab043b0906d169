//! The Laravel app's own `.env`, and the prefixes that follow from its version and name.

use super::{Workspace, config_with, layer_of, load_app, load_app_in};

#[test]
fn app_env_file_is_read_as_by_laravel() {
    let env = "# the app\nAPP_NAME=\"Acme Corp\"\nexport APP_TIMEZONE='Europe/Berlin' # ours\n\
               BASE=cache\nREDIS_HOST=${BASE}.test\nREDIS_PASSWORD=null\nCACHE_STORE=redis\nDB_HOST=db\n\
               PRESENCE_TOKEN=\"token-token-token\"\n";
    let loaded = load_app(env, &[]).unwrap();
    let config = &loaded.config;
    assert_eq!(config.laravel.app_name, "Acme Corp");
    assert_eq!(config.laravel.timezone, chrono_tz::Europe::Berlin);
    assert!(format!("{:?}", config.redis.endpoint).contains("\"cache.test\""));
    assert!(config.redis.password.is_none());
    assert_eq!(config.redis.prefix, "acme-corp-database-");
    assert_eq!(config.laravel.cache_prefix, "acme-corp-cache-");
    assert_eq!(config.auth.tokens.len(), 1);
    assert!(layer_of(&loaded, "redis.host").starts_with(".env of /"));
    assert!(layer_of(&loaded, "redis.host").ends_with(" REDIS_HOST"));
}

#[test]
fn process_environment_takes_precedence_over_the_env_file() {
    let loaded = load_app("APP_NAME=File\nREDIS_DB=7\n", &[("APP_NAME", "Process")]).unwrap();
    assert_eq!(loaded.config.laravel.app_name, "Process");
    assert_eq!(loaded.config.redis.db, 7);
    let error = load_app("CACHE_STORE=redis\n", &[("CACHE_STORE", "file")]).unwrap_err();
    assert!(error.contains("environment CACHE_STORE"), "{error}");
}

#[test]
fn env_file_of_app_env_is_read_if_it_exists() {
    let workspace = Workspace::new();
    workspace.write(".env", "APP_NAME=Plain\n");
    workspace.write(".env.staging", "APP_NAME=Staging\n");
    let name = |env: &str| load_app_in(workspace.0.path(), &[("APP_ENV", env)]).unwrap().config.laravel.app_name;
    assert_eq!(name("staging"), "Staging");
    assert_eq!(name("production"), "Plain");
}

#[test]
fn folder_without_env_file_is_rejected() {
    let workspace = Workspace::new();
    let error = load_app_in(workspace.0.path(), &[]).unwrap_err();
    assert!(error.contains("(flag --laravel) has no .env"), "{error}");
}

#[test]
fn invalid_env_file_is_rejected_without_its_text() {
    let error = load_app("PRESENCE_TOKEN=hush hush\n", &[]).unwrap_err();
    assert!(error.contains("/.env: ") && !error.contains("hush") && !error.contains('\n'), "{error}");
}

#[test]
fn default_prefixes_depend_on_the_version() {
    let prefixes = |version: &str| {
        let config =
            config_with(&[("PRESENCE_LARAVEL_VERSION", version), ("APP_NAME", "My App"), ("CACHE_STORE", "redis")]);
        (config.redis.prefix, config.laravel.cache_prefix)
    };
    let pair = |redis: &str, cache: &str| (redis.to_owned(), cache.to_owned());
    assert_eq!(prefixes("8"), pair("my_app_database_", "my_app_cache_:"));
    assert_eq!(prefixes("10"), pair("my_app_database_", "my_app_cache_:"));
    assert_eq!(prefixes("11"), pair("my_app_database_", "my_app_cache_"));
    assert_eq!(prefixes("12.1"), pair("my_app_database_", "my_app_cache_"));
    assert_eq!(prefixes("12"), pair("my-app-database-", "my-app-cache-"));
    assert_eq!(prefixes("12.2"), pair("my-app-database-", "my-app-cache-"));
    assert_eq!(prefixes("13"), pair("my-app-database-", "my-app-cache-"));
}

#[test]
fn configured_prefixes_are_used_unchanged() {
    let prefixes = |version: &str| {
        let set = [("REDIS_PREFIX", "r:"), ("CACHE_PREFIX", "c"), ("CACHE_STORE", "redis")];
        let config = config_with(&[&set[..], &[("PRESENCE_LARAVEL_VERSION", version)]].concat());
        (config.redis.prefix, config.laravel.cache_prefix)
    };
    assert_eq!(prefixes("12"), ("r:".to_owned(), "c".to_owned()));
    assert_eq!(prefixes("10"), ("r:".to_owned(), "c:".to_owned()));
}

#[test]
fn version_as_a_number_is_rejected() {
    assert!(super::error_of("[laravel]\nversion = 12").contains("must be a string"));
}
