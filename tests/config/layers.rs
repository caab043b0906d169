//! Each layer takes precedence over the one below it, and the origin of every value is known.

use presence_sidecar::config::{Listen, Sources, load};
use secrecy::ExposeSecret;

use super::{Workspace, environment, error_with, layer_of, listen_flag, load_with, value_of};

/// Sources with these layers; each sets `server.listen` and more.
fn sources(workspace: &Workspace, file: bool, app: bool, process: bool, flag: bool) -> Sources {
    let mut sources = environment(&[]);
    if file {
        let text = "[server]\nlisten = [\"127.0.0.1:1\"]\n[cache]\nttl_seconds = 201\n";
        sources.file = Some(workspace.write("presence.toml", text));
    }
    if app {
        workspace.write("app/.env", "PRESENCE_LISTEN=127.0.0.1:2\nPRESENCE_TTL=202\n");
        sources.laravel = Some(workspace.path("app"));
    }
    if process {
        let pairs = [("PRESENCE_LISTEN", "127.0.0.1:3"), ("PRESENCE_TTL", "203")];
        sources.environment.extend(pairs.map(|(name, value)| (name.into(), value.into())));
    }
    if flag {
        sources.flags = listen_flag("127.0.0.1:4");
    }
    sources
}

#[test]
fn each_layer_takes_precedence_over_the_one_below() {
    let workspace = Workspace::new();
    let app = workspace.path("app").display().to_string();
    let file = workspace.path("presence.toml").display().to_string();
    let cases = [
        ((false, false, false, false), "127.0.0.1:8137", "default".to_owned(), 120),
        ((true, false, false, false), "127.0.0.1:1", file, 201),
        ((true, true, false, false), "127.0.0.1:2", format!(".env of {app} PRESENCE_LISTEN"), 202),
        ((true, true, true, false), "127.0.0.1:3", "environment PRESENCE_LISTEN".to_owned(), 203),
        ((true, true, true, true), "127.0.0.1:4", "flag --listen".to_owned(), 203),
    ];
    for ((file, app, process, flag), listen, layer, ttl) in cases {
        let loaded = load(&sources(&workspace, file, app, process, flag)).unwrap();
        assert_eq!(loaded.config.server.listen, [Listen::Tcp(listen.into())]);
        assert_eq!(layer_of(&loaded, "server.listen"), layer);
        assert_eq!(loaded.config.cache.ttl_seconds, ttl);
    }
}

#[test]
fn generated_secrets_have_the_lowest_precedence() {
    let workspace = Workspace::new();
    let generated = workspace.write("storage/secrets.env", "PRESENCE_TOKEN=generated-generated\n");
    let storage = workspace.path("storage").display().to_string();
    let loaded = load_with(&[("PRESENCE_STORAGE", &storage)]);
    assert_eq!(loaded.config.auth.tokens[0].expose_secret(), "generated-generated");
    assert_eq!(layer_of(&loaded, "auth.tokens"), generated.display().to_string());

    let file = workspace.write("presence.toml", "[auth]\ntokens = [\"from-the-file-itself\"]");
    let sources = Sources { file: Some(file.clone()), ..environment(&[("PRESENCE_STORAGE", &storage)]) };
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config.auth.tokens.len(), 1);
    assert_eq!(loaded.config.auth.tokens[0].expose_secret(), "from-the-file-itself");
    assert_eq!(layer_of(&loaded, "auth.tokens"), file.display().to_string());
}

#[test]
fn tables_are_merged_and_lists_are_replaced() {
    let workspace = Workspace::new();
    let file = workspace.write(
        "presence.toml",
        "[scope.domains]\n\"a.test\" = \"a\"\n[scope.resolver]\ntenant = [\"host\", \"body\"]\n",
    );
    let pairs =
        [("PRESENCE__SCOPE__DOMAINS", "{ \"b.test\" = \"b\" }"), ("PRESENCE__SCOPE__RESOLVER__TENANT", "query")];
    let config = load(&Sources { file: Some(file), ..environment(&pairs) }).unwrap().config;
    assert_eq!(config.scope.domains.len(), 2);
    assert_eq!(config.scope.resolver.tenant.len(), 1);
}

#[test]
fn listing_has_value_and_layer_of_each_key() {
    let loaded = load_with(&[("PRESENCE_TTL", "300"), ("CACHE_PREFIX", "")]);
    let listing = loaded.describe();
    let line = |key: &str| listing.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(line("cache.ttl_seconds = 300 ").ends_with("# environment PRESENCE_TTL"));
    assert!(line("cache.away_after_seconds = 90 ").ends_with("# default"));
    assert!(line("laravel.cache_prefix = \"\" ").ends_with("# environment CACHE_PREFIX"));
    assert!(line("redis.prefix = \"laravel-database-\" ").ends_with("# from laravel.version and laravel.app_name"));
    assert!(line("server.listen = [\"127.0.0.1:8137\"] ").ends_with("# default"));
    let columns: Vec<_> = ["driver", "storage", "redis.host"].map(|key| line(key).find("  # ")).to_vec();
    assert!(columns.windows(2).all(|pair| pair[0].is_some() && pair[1].is_some()));
}

#[test]
fn listing_is_toml_that_loads_to_the_same_configuration() {
    let loaded = load_with(&[("PRESENCE_TTL", "300"), ("APP_NAME", "Größe \"x\"")]);
    let table: toml::Table = loaded.describe().parse().unwrap();
    assert_eq!(table["cache"]["ttl_seconds"].as_integer(), Some(300));
    assert_eq!(table["laravel"]["app_name"].as_str(), Some("Größe \"x\""));
    assert_eq!(super::config_of(&loaded.describe()).cache.ttl_seconds, 300);
}

#[test]
fn app_store_is_used_only_if_no_store_is_set() {
    let store = |pairs: &[(&str, &str)]| {
        let loaded = load_with(pairs);
        (value_of(&loaded, "cache.store"), layer_of(&loaded, "cache.store"))
    };
    let redis = |layer: &str| ("\"redis\"".to_owned(), layer.to_owned());
    assert_eq!(store(&[("CACHE_STORE", "redis")]), redis("environment CACHE_STORE"));
    assert_eq!(store(&[("CACHE_DRIVER", "redis")]), redis("environment CACHE_DRIVER"));
    let both = [("CACHE_STORE", "redis"), ("CACHE_DRIVER", "file")];
    assert_eq!(store(&both), redis("environment CACHE_STORE"));
    let chosen = [("PRESENCE_CACHE_STORE", "redis"), ("CACHE_STORE", "file")];
    assert_eq!(store(&chosen), redis("environment PRESENCE_CACHE_STORE"));
    assert_eq!(store(&[("CACHE_STORE", "")]).1, "default");
}

#[test]
fn store_of_the_file_takes_precedence_over_that_of_the_app() {
    let workspace = Workspace::new();
    let file = workspace.write("presence.toml", "cache.store = \"redis\"");
    let sources = Sources { file: Some(file), ..environment(&[("CACHE_STORE", "file")]) };
    assert_eq!(value_of(&load(&sources).unwrap(), "cache.store"), "\"redis\"");
}

#[test]
fn store_that_cannot_be_shared_is_rejected_with_a_fix() {
    let error = error_with(&[("CACHE_STORE", "file")]);
    assert!(error.starts_with("cache.store = \"file\" (environment CACHE_STORE)"), "{error}");
    assert!(error.contains("PRESENCE_CACHE_STORE") && error.contains("redis"), "{error}");
}

#[test]
fn listing_has_the_values_of_a_redis_url() {
    let loaded = load_with(&[("REDIS_URL", "redis://cache.test/3"), ("REDIS_PORT", "7000")]);
    assert_eq!(value_of(&loaded, "redis.host"), "\"cache.test\"");
    assert_eq!(layer_of(&loaded, "redis.host"), "environment REDIS_URL (redis.url)");
    assert_eq!(layer_of(&loaded, "redis.port"), "environment REDIS_PORT");
    assert_eq!((value_of(&loaded, "redis.db"), value_of(&loaded, "redis.cache_db")), ("3".into(), "3".into()));
}
