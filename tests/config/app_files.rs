//! What a Laravel app's files say beside its `.env`, and values of `env()` that are no texts.

use presence_sidecar::config::{Config, DatabaseConnection};

use super::{Workspace, config_with, layer_of, load_app, load_app_in, load_with};

const CACHE_12: &str = "<?php\nreturn [\n  'prefix' => env('CACHE_PREFIX', Str::slug((string) env('APP_NAME', 'laravel')).'-cache-'),\n];\n";
const CACHE_11: &str =
    "<?php\nreturn [\n  'prefix' => env('CACHE_PREFIX', Str::slug(env('APP_NAME', 'laravel'), '_').'_cache_'),\n];\n";
const DATABASE_11: &str = "<?php\nreturn [ 'connections' => ['mysql' => ['prefix' => '']], 'redis' => ['options' => [\n\
    'prefix' => env('REDIS_PREFIX', Str::slug(env('APP_NAME', 'laravel'), '_').'_database_'),\n]]];\n";

/// The two prefixes of a configuration.
fn prefixes(config: &Config) -> [&str; 2] {
    [&config.redis.prefix, &config.laravel.cache_prefix]
}

/// An app with these files.
fn app(files: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::new();
    files.iter().for_each(|(name, text)| _ = workspace.write(name, text));
    workspace
}

fn lock(version: &str) -> String {
    format!(r#"{{"packages": [{{"name": "laravel/framework", "version": "{version}"}}]}}"#)
}

#[test]
fn null_is_an_empty_prefix_as_in_laravel() {
    for nothing in ["null", "(null)", "", "(empty)", "\"\"", "false"] {
        let env = format!("CACHE_STORE=redis\nREDIS_PREFIX={nothing}\nCACHE_PREFIX={nothing}\n");
        assert_eq!(prefixes(&load_app(&env, &[]).unwrap().config), ["", ""], "{nothing}");
        let process = [("CACHE_STORE", "redis"), ("REDIS_PREFIX", nothing), ("CACHE_PREFIX", nothing)];
        assert_eq!(prefixes(&config_with(&process)), ["", ""], "environment {nothing}");
    }
}

#[test]
fn name_that_is_a_word_of_env_gives_the_prefix_of_laravel() {
    let of_name = |name: &str| {
        let env = format!("CACHE_STORE=redis\nAPP_NAME={name}\n");
        prefixes(&load_app(&env, &[]).unwrap().config).map(str::to_owned)
    };
    assert_eq!(of_name("null"), ["-database-", "-cache-"]);
    assert_eq!(of_name("true"), ["1-database-", "1-cache-"]);
    assert_eq!(of_name("(false)"), ["-database-", "-cache-"]);
    assert_eq!(of_name("truely"), ["truely-database-", "truely-cache-"]);
}

#[test]
fn null_store_in_the_env_file_causes_a_warning() {
    let loaded = load_app("CACHE_STORE=null\n", &[]).unwrap();
    assert!(loaded.warnings.iter().any(|warning| warning.contains("null store")), "{:?}", loaded.warnings);
}

#[test]
fn composer_lock_tells_the_version() {
    let of_version = |version: &str| {
        let app = app(&[(".env", "CACHE_STORE=redis\n"), ("composer.lock", &lock(version))]);
        let loaded = load_app_in(app.0.path(), &[]).unwrap();
        assert!(layer_of(&loaded, "laravel.version").starts_with("composer.lock of "));
        prefixes(&loaded.config).map(str::to_owned)
    };
    assert_eq!(of_version("v10.48.2"), ["laravel_database_", "laravel_cache_:"]);
    assert_eq!(of_version("v11.31.0"), ["laravel_database_", "laravel_cache_"]);
    assert_eq!(of_version("v13.31.0"), ["laravel-database-", "laravel-cache-"]);
    assert_eq!(of_version("13.x-dev"), ["laravel-database-", "laravel-cache-"]);
    let stated = app(&[(".env", "PRESENCE_LARAVEL_VERSION=8\n"), ("composer.lock", &lock("v13.0.0"))]);
    assert_eq!(load_app_in(stated.0.path(), &[]).unwrap().config.laravel.version.major, 8);
}

#[test]
fn configuration_files_of_the_app_keep_the_prefix_of_an_older_version() {
    let files = [
        (".env", "CACHE_STORE=redis\nAPP_NAME=Shop\n"),
        ("composer.lock", &lock("v13.31.0")),
        ("config/cache.php", CACHE_11),
    ];
    let old = app(&[&files[..], &[("config/database.php", DATABASE_11)]].concat());
    let loaded = load_app_in(old.0.path(), &[]).unwrap();
    assert_eq!(prefixes(&loaded.config), ["shop_database_", "shop_cache_"]);
    assert!(layer_of(&loaded, "redis.prefix").starts_with("config/database.php of "));
    let new =
        app(&[(".env", "CACHE_STORE=redis\n"), ("composer.lock", &lock("v11.0.0")), ("config/cache.php", CACHE_12)]);
    assert_eq!(prefixes(&load_app_in(new.0.path(), &[]).unwrap().config), ["laravel_database_", "laravel-cache-"]);
    let own = CACHE_12.replace("Str::slug((string) env('APP_NAME', 'laravel')).'-cache-'", "'shop'");
    let literal = app(&[(".env", "CACHE_STORE=redis\n"), ("config/cache.php", &own)]);
    assert_eq!(prefixes(&load_app_in(literal.0.path(), &[]).unwrap().config)[1], "shop");
}

#[test]
fn prefix_that_needs_php_causes_a_warning() {
    let odd = CACHE_12.replace("Str::slug((string) env('APP_NAME', 'laravel')).'-cache-'", "tenant()->prefix");
    let app = app(&[(".env", "CACHE_STORE=redis\n"), ("config/cache.php", &odd)]);
    let warnings = load_app_in(app.0.path(), &[]).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("set CACHE_PREFIX"), "{warnings:?}");
    let set = load_app_in(app.0.path(), &[("CACHE_PREFIX", "x")]).unwrap();
    assert_eq!((set.warnings.len(), prefixes(&set.config)[1]), (0, "x"));
}

#[test]
fn cache_on_the_default_redis_connection_is_in_its_database() {
    let env = "CACHE_STORE=redis\nREDIS_DB=3\nREDIS_CACHE_DB=4\n";
    let database = |more: &str| load_app(&format!("{env}{more}"), &[]).unwrap().config.redis.cache_db;
    assert_eq!([database(""), database("REDIS_CACHE_CONNECTION=cache\n")], [4, 4]);
    assert_eq!(database("REDIS_CACHE_CONNECTION=default\n"), 3);
    let error = load_app(&format!("{env}REDIS_CACHE_CONNECTION=other\n"), &[]).unwrap_err();
    assert!(
        error.starts_with("redis.cache_connection = \"other\"") && error.contains("must be cache or default"),
        "{error}"
    );
}

#[test]
fn relative_file_and_missing_file_of_an_app_are_in_its_folder() {
    let file = |env: &str| {
        let app = app(&[(".env", env)]);
        match load_app_in(app.0.path(), &[]).unwrap().config.database.connection {
            DatabaseConnection::Sqlite(path) => path.strip_prefix(app.0.path()).unwrap().display().to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(file("DB_CONNECTION=sqlite\nDB_DATABASE=data/app.sqlite\n"), "data/app.sqlite");
    assert_eq!(file("DB_URL=sqlite:///data/app.sqlite\n"), "data/app.sqlite");
    assert_eq!(file("DB_CONNECTION=sqlite\n"), "database/database.sqlite");
    assert_eq!(file("CACHE_STORE=database\n"), "database/database.sqlite");
}

#[test]
fn parameters_of_urls_are_used_or_refused_by_name() {
    let redis = |url: &str| load_app(&format!("CACHE_STORE=redis\nREDIS_URL={url}\n"), &[]);
    assert_eq!(redis("redis://h/2?prefix=p_&timeout=3").unwrap().config.redis.prefix, "p_");
    assert!(redis("redis://h?db=2").unwrap_err().contains("has the parameter db, which phpredis ignores"));
    assert!(redis("redis://h?scheme=tls").unwrap_err().contains("has the parameter scheme"));
    for (url, why) in [("'redis://:pa/ss#w@h'", "empty host"), ("redis://h:70000", "invalid port number")] {
        let error = redis(url).unwrap_err();
        assert!(error.contains(&format!("is not a valid URL ({why}): ")) && !error.contains("pa/ss"), "{error}");
    }
    let database = |url: &str| load_app(&format!("DB_URL={url}\n"), &[]);
    let error = database("mysql://u:p@h:70000/app").unwrap_err();
    assert!(error.contains("is not a valid URL (invalid port number): "), "{error}");
    match database("pgsql://h/app?search_path=pres,public&charset=utf8").unwrap().config.database.connection {
        DatabaseConnection::Postgres(server) => assert_eq!(server.search_path, ["pres", "public"]),
        other => panic!("{other:?}"),
    }
    let error = database("mysql://h/app?prefix=shop_").unwrap_err();
    assert!(error.contains("has the parameter prefix, which is not supported"), "{error}");
}

#[test]
fn time_zone_is_read_in_any_case() {
    assert_eq!(config_with(&[("APP_TIMEZONE", "utc")]).laravel.timezone, chrono_tz::UTC);
    assert_eq!(config_with(&[("APP_TIMEZONE", "europe/berlin")]).laravel.timezone, chrono_tz::Europe::Berlin);
}

#[test]
fn names_of_commands_are_known() {
    let names = ["PRESENCE_CONFIG", "PRESENCE_CLIENT_CREDENTIALS", "PRESENCE_SIDECAR_URL"];
    let loaded = load_with(&names.map(|name| (name, "/x")));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let closed = config_with(&[("PRESENCE_REGISTRATION_TOKEN", "secret-secret-secret")]);
    assert!(closed.messaging.registration_token.is_some());
    assert!(super::error_with(&[("PRESENCE_REGISTRATION_TOKEN", "")]).contains("would open registration"));
}

/// An app on Redis whose config/database.php has this section "redis", and these lines of `.env`.
fn on_redis_of(section: &str, more: &str) -> Result<Config, String> {
    let code = format!(
        "<?php\nuse Illuminate\\Support\\Str;\n\nreturn [\n  'default' => 'x',\n  'redis' => [{section}],\n];\n"
    );
    let files = [
        (".env", &*format!("CACHE_STORE=redis\nREDIS_PREFIX=p\nCACHE_PREFIX=c\n{more}")),
        ("config/database.php", &code),
    ];
    load_app_in(app(&files).0.path(), &[]).map(|loaded| loaded.config)
}

#[test]
fn clusters_and_sentinels_of_the_app_are_refused_by_name_unless_stated() {
    const NODES: &str = "PRESENCE__REDIS__CLUSTER=a.test:7001\n";
    const SENTINELS: &str = "PRESENCE__REDIS__SENTINELS=a.test:26379\n";
    let plain =
        "'client' => env('REDIS_CLIENT', 'phpredis'), 'default' => ['host' => 'x'], 'cache' => ['host' => 'y'],";
    let clusters = "'default' => ['host' => 'x'], 'clusters' => ['cache' => [['host' => 'a.test']]],";
    let sentinels =
        "'cache' => ['tcp://a.test', 'options' => ['replication' => 'sentinel', 'service' => env('S', 'x')]],";
    let list = "'cache' => [\n ['host' => 'a.test'], ['host' => 'b.test']],";
    let package = "'client' => env('REDIS_CLIENT', 'phpredis-sentinel'), 'cache' => ['sentinel_host' => 'a.test'],";
    for (section, more, found, stated) in [
        (clusters, "", "\"cache\" among its clusters", NODES),
        (sentinels, "", "has Sentinels in the Redis connection \"cache\" (Predis)", SENTINELS),
        (list, "", "several servers in the Redis connection \"cache\"", NODES),
        (package, "", "phpredis-sentinel (namoshek/laravel-redis-sentinel)", SENTINELS),
        (plain, "REDIS_CLIENT=phpredis-sentinel\n", "phpredis-sentinel (namoshek/laravel-redis-sentinel)", SENTINELS),
    ] {
        let error = on_redis_of(section, more).unwrap_err();
        assert!(error.contains(found) && error.contains("php artisan presence:sidecar"), "{section}: {error}");
        on_redis_of(section, &format!("{more}{stated}")).unwrap();
    }
    // The cache is on another connection.
    on_redis_of(plain, "").unwrap();
    on_redis_of(clusters, "REDIS_CACHE_CONNECTION=default\n").unwrap();
    on_redis_of(package, "REDIS_CLIENT=phpredis\n").unwrap();
    let error = load_app("CACHE_STORE=redis-sentinel\n", &[]).unwrap_err();
    assert!(error.contains("monospice/laravel-redis-sentinel-drivers"), "{error}");
    let stated = load_app(&format!("CACHE_STORE=redis-sentinel\n{SENTINELS}"), &[]).unwrap();
    assert!(stated.config.redis.sentinel.is_some());
}
