//! The Laravel app's own `.env`, and the prefixes that follow from its version and name.

use super::{Workspace, config_with, layer_of, load_app, load_app_in};

#[test]
fn the_apps_env_is_read_as_laravel_reads_it() {
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
fn the_process_environment_beats_the_env_file() {
    let loaded = load_app("APP_NAME=File\nREDIS_DB=7\n", &[("APP_NAME", "Process")]).unwrap();
    assert_eq!(loaded.config.laravel.app_name, "Process");
    assert_eq!(loaded.config.redis.db, 7);
    let error = load_app("CACHE_STORE=redis\n", &[("CACHE_STORE", "file")]).unwrap_err();
    assert!(error.contains("environment CACHE_STORE"), "{error}");
}

#[test]
fn the_environments_own_file_is_read_instead_when_it_exists() {
    let workspace = Workspace::new();
    workspace.write(".env", "APP_NAME=Plain\n");
    workspace.write(".env.staging", "APP_NAME=Staging\n");
    let name = |env: &str| load_app_in(workspace.0.path(), &[("APP_ENV", env)]).unwrap().config.laravel.app_name;
    assert_eq!(name("staging"), "Staging");
    assert_eq!(name("production"), "Plain");
}

#[test]
fn a_folder_without_an_env_file_is_refused() {
    let workspace = Workspace::new();
    let error = load_app_in(workspace.0.path(), &[]).unwrap_err();
    assert!(error.contains("(flag --laravel) has no .env"), "{error}");
}

#[test]
fn an_env_file_that_laravel_could_not_read_is_refused_without_its_text() {
    let error = load_app("PRESENCE_TOKEN=hush hush\n", &[]).unwrap_err();
    assert!(error.contains("/.env: ") && !error.contains("hush") && !error.contains('\n'), "{error}");
}

#[test]
fn each_version_has_its_default_prefixes() {
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
fn prefixes_that_are_set_are_taken_as_they_are() {
    let prefixes = |version: &str| {
        let set = [("REDIS_PREFIX", "r:"), ("CACHE_PREFIX", "c"), ("CACHE_STORE", "redis")];
        let config = config_with(&[&set[..], &[("PRESENCE_LARAVEL_VERSION", version)]].concat());
        (config.redis.prefix, config.laravel.cache_prefix)
    };
    assert_eq!(prefixes("12"), ("r:".to_owned(), "c".to_owned()));
    assert_eq!(prefixes("10"), ("r:".to_owned(), "c:".to_owned()));
}

#[test]
fn a_version_written_as_a_number_is_told_to_be_a_text() {
    assert!(super::error_of("[laravel]\nversion = 12").contains("must be a string"));
}
