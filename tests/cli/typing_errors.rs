//! A typing error in a command, an option, a key or a value is answered with the nearest name.

use super::{program, text_of};

#[test]
fn typing_errors_are_answered_with_the_nearest_name() {
    for (arguments, nearest) in [
        (&["serv"][..], "serve"),
        (&["presense", "counts"], "presence"),
        (&["presence", "rooster"], "roster"),
        (&["presence", "roster", "--statu", "away"], "--status"),
        (&["presence", "roster", "--status", "onlin"], "online"),
        (&["webhooks", "list", "--state", "ded"], "dead"),
        (&["operator", "fanouts"], "fan-outs"),
        (&["completions", "bsh"], "bash"),
        (&["health", "--redy"], "--ready"),
    ] {
        let output = program(arguments).output().unwrap();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        let tip = text.lines().find(|line| line.contains("tip:")).unwrap_or_default();
        assert!(tip.contains(&format!("'{nearest}'")), "{arguments:?}: {text}");
    }
}

#[test]
fn wrong_keys_and_values_of_the_configuration_are_answered_with_the_nearest_one() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("presence.toml");
    for (toml, nearest) in [
        ("drivr = \"cache\"", "driver"),
        ("driver = \"webhok\"", "webhook"),
        ("[cache]\nstore = \"redsi\"", "redis"),
        ("[log]\nformat = \"jsn\"", "json"),
        ("[messaging]\nqueue = \"databse\"", "database"),
        ("[database]\nconnection = \"pgsq\"", "pgsql"),
        ("[redis]\nscheme = \"tsl\"", "tls"),
        ("[broadcast]\nconnection = \"reverd\"", "reverb"),
        ("[database]\nconnection = \"mysql\"\nsslmode = \"verify-fll\"", "verify-full"),
        ("[laravel]\ncipher = \"aes-256-cbx\"", "aes-256-cbc"),
        ("driver = \"webhook\"\n[webhook]\nalgo = \"sha3-257\"\nurl = \"https://a.test\"\nsecret = \"s\"", "sha3-256"),
    ] {
        std::fs::write(&file, toml).unwrap();
        let output = program(&["config", "--check", "--config", file.to_str().unwrap()]).output().unwrap();
        let text = text_of(&output);
        assert!(!output.status.success(), "{toml}: {text}");
        assert!(text.contains(&format!("(did you mean {nearest}?)")), "{toml}: {text}");
    }
}

#[test]
fn value_that_resembles_no_other_is_answered_with_the_list_alone() {
    let output = program(&["config", "--check"]).env("PRESENCE_DRIVER", "carrier-pigeon").output().unwrap();
    let text = text_of(&output);
    assert!(text.contains("must be cache or webhook\n"), "{text}");
}

#[test]
fn words_of_a_sentence_are_not_suggested_as_values() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("presence.toml");
    for toml in [
        "[laravel]\nversion = \"12.x\"",
        "[server]\nlisten = [\"hosts\"]",
        "driver = \"webhook\"\n[webhook]\nurl = \"htp\"\nsecret = \"s\"",
    ] {
        std::fs::write(&file, toml).unwrap();
        let output = program(&["config", "--check", "--config", file.to_str().unwrap()]).output().unwrap();
        let text = text_of(&output);
        assert!(!output.status.success() && text.contains("must be "), "{toml}: {text}");
        assert!(!text.contains("did you mean"), "{toml}: {text}");
    }
}
