//! Invalid and contradictory values stop the start with one line.

use super::{config_of, config_with, error_of, error_with, load_with};

#[test]
fn away_after_must_be_below_ttl() {
    let error = error_with(&[("PRESENCE_AWAY_AFTER", "120")]);
    let expected = "cache.away_after_seconds = 120 (environment PRESENCE_AWAY_AFTER) must be below \
                    cache.ttl_seconds = 120 (default)";
    assert_eq!(error, expected);
    assert_eq!(config_with(&[("PRESENCE_AWAY_AFTER", "119")]).cache.away_after_seconds, 119);
}

#[test]
fn numbers_out_of_range_are_rejected() {
    for text in [
        "[cache]\nttl_seconds = 0",
        "[cache]\nttl_seconds = -5",
        "[cache]\nttl_seconds = 99999999999",
        "[server]\nbody_limit = 0",
        "[server]\nmax_connections = 0",
        "[presence]\nsweep_interval_ms = 0",
        "[presence]\nremember_days = 0",
        "[changes]\nkeep_hours = 0",
        "[redis]\ntimeout_ms = 0",
        "[webhook]\ntimeout = 0",
    ] {
        let error = error_of(&format!("{text}\n[[webhook.endpoints]]\nurl = \"http://a.test\"\nsecret = \"x\"\n"));
        assert!(error.contains("must be from"), "{text}: {error}");
    }
}

#[test]
fn unknown_words_are_rejected() {
    assert!(error_with(&[("PRESENCE_DRIVER", "redis")]).ends_with("must be cache or webhook"));
    assert!(error_with(&[("PRESENCE_LOG_FORMAT", "xml")]).ends_with("must be text or json"));
    assert!(error_with(&[("APP_TIMEZONE", "Mars/Olympus")]).contains("Europe/Berlin"));
    assert!(error_with(&[("PRESENCE_LARAVEL_VERSION", "latest")]).contains("12.1"));
    assert!(error_with(&[("PRESENCE__STORAGE", "")]).contains("must name a folder"));
    assert!(error_with(&[("PRESENCE__LOG__FILTER", "")]).contains("must be a level"));
}

#[test]
fn throttle_has_requests_and_minutes() {
    let throttle = |text: &str| config_with(&[("PRESENCE__ROUTING__THROTTLE", text)]).routing.throttle;
    let parts = |text: &str| throttle(text).map(|throttle| (throttle.max, throttle.per.as_secs()));
    assert_eq!(parts("30,2"), Some((30, 120)));
    assert_eq!(parts("30"), Some((30, 60)));
    assert_eq!(parts(" 30 , 2 "), Some((30, 120)));
    assert_eq!(parts(""), None);
    for wrong in ["0,1", "60,0", "60,1,web", "sixty", "-1,1", "60;1", ","] {
        let error = error_with(&[("PRESENCE__ROUTING__THROTTLE", wrong)]);
        assert!(error.contains("such as \"60,1\""), "{error}");
    }
}

#[test]
fn routing_prefix_must_be_a_plain_path() {
    let prefix = |text: &str| config_with(&[("PRESENCE__ROUTING__PREFIX", text)]).routing.prefix;
    assert_eq!(prefix("/api/presence/"), "api/presence");
    assert_eq!(prefix(""), "");
    for wrong in ["a b", "a//b", "a/../b", "{id}", ":id", "a?b", "ä", "*"] {
        assert!(error_with(&[("PRESENCE__ROUTING__PREFIX", wrong)]).contains("routing.prefix"));
    }
    assert!(error_with(&[("PRESENCE__ROUTING__PREFIX", "api/v1/presence")]).contains("own path"));
}

#[test]
fn invalid_scope_rule_is_rejected_with_the_valid_forms() {
    let config = config_of(
        "[scope.resolver]\ntenant = [\"body\", \"query\", \"query:t\", \"header:X-Tenant-Id\", \"host\", \
         \"claim:tenant_id\", \"literal:a:b\"]",
    );
    let rules: Vec<String> = config.scope.resolver.tenant.iter().map(ToString::to_string).collect();
    let expected = ["body", "query", "query:t", "header:X-Tenant-Id", "host", "claim:tenant_id", "literal:a:b"];
    assert_eq!(rules, expected);
    for wrong in ["boddy", "body:x", "header", "header:", "header:X Y", "claim:", "literal", "host:x", ""] {
        let error = error_of(&format!("[scope.resolver]\nguard = [\"{wrong}\"]"));
        assert!(error.contains(&format!("has \"{wrong}\", which must be one of body, query")), "{error}");
    }
}

#[test]
fn domains_are_stored_in_lower_case() {
    let config = config_of("[scope.domains]\n\"WWW.Acme.Test\" = \"acme.test\"");
    assert_eq!(config.scope.domains["www.acme.test"], "acme.test");
    assert!(error_of("[scope.domains]\n\"a\" = \"x\"\n\"A\" = \"y\"").contains("twice"));
    assert!(error_of("[scope.domains]\n\"a\" = \"x|y\"").contains("an invalid domain"));
}

#[test]
fn unusual_values_cause_warnings() {
    let warned = |pairs: &[(&str, &str)], words: &str| {
        let warnings = load_with(pairs).warnings;
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{warnings:?}");
    };
    warned(&[("PRESENCE_WEBHOOK_URL", "http://a.test")], "driver = \"webhook\"");
    warned(&[("PRESENCE_TOKEN", "short")], "can be guessed");
    warned(&[("REDIS_URL", "redis://a")], "does not use it");
    let letters = "has letters that only Laravel transliterates";
    warned(&[("CACHE_STORE", "redis"), ("APP_NAME", "Привет")], letters);
    warned(&[("CACHE_STORE", "database"), ("APP_NAME", "日本")], letters);
    let stated = [("CACHE_STORE", "redis"), ("APP_NAME", "Привет"), ("REDIS_PREFIX", ""), ("CACHE_PREFIX", "c")];
    assert!(load_with(&stated).warnings.is_empty());
    let both = "redis.db and redis.cache_db are both";
    warned(&[("CACHE_STORE", "redis"), ("REDIS_URL", "redis://a/0")], both);
    warned(&[("QUEUE_CONNECTION", "redis"), ("REDIS_DB", "1")], both);
    assert!(load_with(&[("CACHE_STORE", "redis"), ("REDIS_URL", "redis://a")]).warnings.is_empty());
    assert!(load_with(&[("REDIS_DB", "1")]).warnings.is_empty(), "nothing of the sidecar is in Redis");
    warned(&[("PRESENCE__SCOPE__INCLUDE_GUARD", "off"), ("CACHE_STORE", "redis")], "PHP package");
    warned(
        &[("ADMIN_TOKEN", "changeme-admin")],
        "messaging.admin_token (ADMIN_TOKEN) has the reference server's public example",
    );
    warned(&[("OPERATOR_TOKENS", "a-token-of-ours,changeme-operator")], "OPERATOR_TOKENS");
    warned(&[("ADMIN_TOKEN", "letmein")], "messaging.admin_token (ADMIN_TOKEN) has an entry of less than 16");
    warned(&[("PRESENCE__REGISTRATION__TOKEN", "letmein")], "registration.token has an entry of less than 16");
    let (short, long) = ("31-characters-31-characters-31-", "32-characters-32-characters-32--");
    warned(&[("PRESENCE_USER_TOKEN_SECRET", short)], "auth.user_token_secrets has an entry of less than 32");
    assert!(load_with(&[("PRESENCE_USER_TOKEN_SECRET", long)]).warnings.is_empty());
    assert!(load_with(&[]).warnings.is_empty());
}

#[test]
fn laravels_null_store_causes_a_warning() {
    for (name, text) in [("CACHE_STORE", "null"), ("CACHE_DRIVER", "(null)")] {
        let warnings = load_with(&[(name, text)]).warnings;
        let expected = format!("environment {name} = null is Laravel's null store, which keeps nothing");
        assert!(warnings.len() == 1 && warnings[0].starts_with(&expected), "{warnings:?}");
    }
    assert!(load_with(&[("CACHE_STORE", "null"), ("PRESENCE_CACHE_STORE", "array")]).warnings.is_empty());
    assert!(load_with(&[("CACHE_STORE", "")]).warnings.is_empty());
    assert!(load_with(&[("PRESENCE_CACHE_STORE", "null")]).warnings.is_empty());
}
