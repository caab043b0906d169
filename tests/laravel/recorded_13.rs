//! `laravel-13.json`: the formats of Laravel 13, which are those of 12.

use presence_sidecar::laravel::cache_key::{Version, default_cache_prefix, default_redis_prefix, drops_letters, snake};
use presence_sidecar::laravel::crypt::Crypt;
use presence_sidecar::php::{Value, hash, serialize};
use presence_sidecar::presence::domain::{RecordLookup, Timestamp};
use presence_sidecar::presence::store::record;

use crate::php::vectors::{bytes, cases, file, numbers_by_value, text};

const FILE: &str = "laravel-13.json";

#[test]
fn default_prefixes_of_recorded_app_names_are_those_of_laravel_13() {
    let version: Version = "13.31.0".parse().unwrap();
    let recorded = cases(FILE, "prefixes");
    assert_eq!(recorded.len(), 10);
    for case in recorded {
        let name = text(&case["app_name"]);
        let expected = [text(&case["redis"]), text(&case["cache"])];
        let found = [default_redis_prefix(version, name), default_cache_prefix(version, name)];
        // The start warns of names in other scripts, which Laravel may transliterate.
        assert!(found == expected || drops_letters(name), "{name}: {found:?}, not {expected:?}");
    }
}

#[test]
fn recorded_texts_have_the_snake_case_of_laravel_13() {
    for case in cases(FILE, "snake").iter().filter(|case| !case["out"].is_null()) {
        let found = snake(&bytes(&case["in"]));
        let recorded = String::from_utf8(bytes(&case["out"])).unwrap();
        if text(&case["in"]["text"]).contains('Σ') {
            // PHP 8.3 and newer write a sigma at the end of a word as ς; openapi/README.md names this difference.
            assert_eq!(found.replace('ς', "σ"), recorded.replace('ς', "σ"), "{}", case["in"]);
        } else {
            assert_eq!(found, recorded, "{}", case["in"]);
        }
    }
}

#[test]
fn recorded_values_are_read_also_if_laravel_unserializes_no_classes() {
    for case in cases(FILE, "values") {
        let name = text(&case["name"]);
        let now = Timestamp::from_secs(1_772_600_767);
        let RecordLookup::Found(record) = record::decode(&bytes(&case["redis"]["value"]), now) else {
            panic!("{name} is no record")
        };
        assert_eq!(record.last_seen, now, "{name}");
        let found: serde_json::Value = serde_json::from_str(&serde_json::to_string(&record.meta).unwrap()).unwrap();
        let recorded: serde_json::Value = serde_json::from_str(text(&case["meta_json"])).unwrap();
        if matches!(name, "enum" | "objects") {
            // What the app's own classes say is unknown; the rest is read.
            assert_eq!(found["n"], recorded["n"], "{name}");
        } else {
            assert_eq!(numbers_by_value(&found), numbers_by_value(&recorded), "{name}");
        }
    }
}

#[test]
fn recorded_payloads_of_laravel_13_decrypt() {
    for sample in cases(FILE, "crypt") {
        let crypt = Crypt::new(text(&sample["cipher"]).parse().unwrap(), text(&sample["app_key"]), &[]).unwrap();
        let plain = crypt.decrypt(text(&sample["payload"])).unwrap();
        assert_eq!(plain.as_slice(), bytes(&sample["plain"]), "{}", sample["cipher"]);
    }
}

#[test]
fn recorded_hashes_of_laravel_13_are_accepted() {
    for case in cases(FILE, "bcrypt") {
        assert!(hash::check(text(&case["plain"]), text(&case["hash"])), "{case}");
        assert!(!hash::check("another", text(&case["hash"])), "{case}");
    }
}

#[test]
fn recorded_job_of_laravel_13_is_read() {
    let payload: serde_json::Value = serde_json::from_str(text(&file(FILE)["job"]["payload"])).unwrap();
    let command = text(&payload["data"]["command"]);
    let Ok(Value::Object(job)) = serialize::unserialize(command.as_bytes()) else { panic!("{command}") };
    assert_eq!(serialize::serialize(&Value::Object(job)), command.as_bytes());
}
