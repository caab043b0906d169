use presence_sidecar::php::hash;

use super::vectors::{bytes, cases, text};

fn plain(pair: &serde_json::Value) -> String {
    String::from_utf8(bytes(pair)).unwrap()
}

#[test]
fn recorded_hashes_accept_the_same_passwords_as_laravel() {
    slow!();
    let mut compared = 0;
    // A check at cost 12 takes a quarter of a second, so one is enough.
    let cheap = |case: &serde_json::Value| case["cost"] == 4 || plain(&case["plain"]) == "token";
    for case in cases("laravel-primitives.json", "bcrypt").iter().filter(|case| cheap(case)) {
        if case["error"].is_string() {
            assert!(hash::make(&plain(&case["plain"]), hash::MIN_COST).is_err());
            continue;
        }
        for check in case["checks"].as_array().unwrap() {
            assert_eq!(hash::check(&plain(&check["plain"]), text(&case["hash"])), check["ok"] == true, "{check}");
            compared += 1;
        }
    }
    assert!(compared > 25, "only {compared} checks");
}

#[test]
fn hashes_that_laravel_rejects_are_rejected() {
    for case in cases("laravel-primitives.json", "bcrypt_variants") {
        assert_eq!(hash::check(text(&case["plain"]), text(&case["hash"])), case["hash_check"] == true, "{case}");
    }
    for case in cases("laravel-primitives.json", "bcrypt_bad_hashes") {
        assert!(!hash::check("token", case["hash"].as_str().unwrap_or_default()), "{case}");
    }
}

#[test]
fn new_hash_is_accepted_by_laravel() {
    let made = hash::make("token", hash::MIN_COST).unwrap();
    assert!(made.starts_with("$2y$04$") && made.len() == 60, "{made}");
    assert!(hash::check("token", &made) && !hash::check("Token", &made));
    assert_ne!(made, hash::make("token", hash::MIN_COST).unwrap());
}
