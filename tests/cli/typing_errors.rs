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
        (&["health", "--redy=1"], "--ready"),
        (&["restor"], "restore"),
        (&["check_upgrade"], "check-upgrade"),
        (&["status", "7"], "presence status"),
        (&["list"], "webhooks list"),
        (&["presence", "cnt"], "counts"),
        (&["webhooks", "lst"], "list"),
        (&["webhooks", "replay", "--sinse", "1h"], "--since"),
        (&["man", "--ouput", "x"], "--out"),
        (&["completions", "zhs"], "zsh"),
        (&["rotate", "webhookSecret"], "webhook-secret"),
    ] {
        let output = program(arguments).output().unwrap();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        let tip = text.lines().find(|line| line.contains("tip:")).unwrap_or_default();
        assert!(tip.ends_with(&format!(": '{nearest}'")), "{arguments:?}: {text}");
    }
}

#[test]
fn word_that_resembles_no_command_is_answered_without_a_tip() {
    for word in ["start", "logs", "x"] {
        let output = program(&[word]).output().unwrap();
        let text = text_of(&output);
        assert_eq!(output.status.code(), Some(2), "{word}: {text}");
        assert!(!text.contains("tip:") && text.contains("try '--help'"), "{word}: {text}");
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
        ("[cach]\nstore = \"redis\"", "cache"),
        ("[broadcast.revrb]\nkey = \"a\"", "broadcast.reverb"),
        ("[webhook]\nallowed_networks = [\"pubic\"]", "public"),
        ("[scope.resolver]\ntenant = [\"boddy\"]", "body"),
        ("[scope.resolver]\ntenant = [\"clam:tenant_id\"]", "claim"),
        ("[server]\nlisten = [\"unx:/run/sidecar.sock\"]", "unix"),
        ("[laravel]\ntimezone = \"Europe/Berln\"", "Europe/Berlin"),
        ("[admin]\nenabled = \"ture\"", "true"),
        ("[log]\nfilter = \"presence_sidecar=debgu\"", "debug"),
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

#[test]
fn misspelt_targets_and_names_of_variables_are_warnings_with_the_nearest_one() {
    for (name, value, nearest) in [
        ("PRESENCE_LOG", "info,presence-sidecar=debug", "presence_sidecar"),
        ("PRESENCE_TOKN", "a", "PRESENCE_TOKEN"),
        ("PRESENCE_SERVER__BODY_LIMIT", "2097152", "PRESENCE__SERVER__BODY_LIMIT"),
    ] {
        let output = program(&["config", "--check"]).env(name, value).output().unwrap();
        let text = text_of(&output);
        assert!(output.status.success(), "{name}={value}: {text}");
        assert!(text.contains(&format!("(did you mean {nearest}?)")), "{name}={value}: {text}");
    }
}

/// As a target it would leave out all lines, that of a warning too.
#[test]
fn misspelt_level_stops_the_start() {
    for (value, nearest) in [("inof", "info"), ("warning", "warn"), ("sqlx=warn,dbug", "debug"), ("critical", "error")]
    {
        let output = program(&["config", "--check"]).env("PRESENCE_LOG", value).output().unwrap();
        let text = text_of(&output);
        assert!(!output.status.success(), "{value}: {text}");
        assert!(text.contains("log.filter") && text.contains(&format!("(did you mean {nearest}?)")), "{value}: {text}");
    }
}

#[test]
fn filters_of_other_crates_are_no_typing_errors() {
    for filter in ["info,hyper=debug,h2=off", "presence_sidecar::http[request{path}]=trace", "sqlx", "3"] {
        let output = program(&["config", "--check"]).env("PRESENCE_LOG", filter).output().unwrap();
        let text = text_of(&output);
        assert!(output.status.success() && !text.contains("log.filter"), "{filter}: {text}");
    }
}
