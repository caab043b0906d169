//! Help texts, manual pages and completions have one source and agree.

use std::collections::BTreeMap;
use std::fs;

use clap::{Command, CommandFactory};
use presence_sidecar::cli::Cli;

use super::stdout_of;

/// The widest line of a help text.
const WIDTH: usize = 100;

/// Every command with the words that call it, such as `["operator", "clients"]`; the program itself has none.
fn commands() -> BTreeMap<Vec<String>, Command> {
    fn add(command: &Command, words: &[String], all: &mut BTreeMap<Vec<String>, Command>) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            add(inner, &[words, &[inner.get_name().to_owned()]].concat(), all);
        }
        all.insert(words.to_vec(), command.clone());
    }
    let mut root = Cli::command();
    root.build();
    let mut all = BTreeMap::new();
    add(&root, &[], &mut all);
    all
}

/// The long options of a command, without those that every command has.
fn options(command: &Command) -> Vec<String> {
    let names = command.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(clap::Arg::get_long);
    names.filter(|name| !["help", "version"].contains(name)).map(|name| format!("--{name}")).collect()
}

#[test]
fn help_of_every_command_fits_100_columns_and_names_every_option() {
    let commands = commands();
    assert!(commands.len() > 30, "{} commands", commands.len());
    for (words, command) in &commands {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        for flag in ["--help", "-h"] {
            let help = stdout_of(&[words.as_slice(), &[flag]].concat());
            let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > WIDTH).collect();
            assert!(wide.is_empty(), "{words:?} {flag}: {wide:?}");
            for option in options(command) {
                assert!(help.contains(&option), "{words:?} {flag} lacks {option}");
            }
        }
    }
}

#[test]
fn every_command_has_a_manual_page_with_its_options_and_the_exit_statuses() {
    let folder = tempfile::TempDir::new().unwrap();
    let written = stdout_of(&["man", "--out", folder.path().to_str().unwrap()]);
    let commands = commands();
    assert_eq!(written.lines().count(), commands.len());
    for (words, command) in &commands {
        let name = [&["presence-sidecar".to_owned()], words.as_slice()].concat().join("-");
        let page = fs::read_to_string(folder.path().join(format!("{name}.1"))).unwrap();
        for option in options(command) {
            let option = option.replace('-', "\\-");
            assert!(page.contains(&option), "{name}.1 lacks {option}");
        }
        assert!(page.contains(".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR"), "{name}.1");
    }
    assert!(stdout_of(&["man"]).contains(".TH presence-sidecar 1"));
}

#[test]
fn completions_know_every_command_and_option() {
    let commands = commands();
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout_of(&["completions", shell]);
        for (words, command) in &commands {
            for word in words {
                assert!(script.contains(word.as_str()), "{shell} lacks {word}");
            }
            for option in options(command) {
                let option = if shell == "fish" { format!("-l {}", &option[2..]) } else { option };
                assert!(script.contains(&option), "{shell} lacks {option} of {words:?}");
            }
        }
    }
}

#[test]
fn commands_that_call_a_sidecar_take_its_address_and_print_json() {
    let commands = commands();
    let callers = commands.iter().filter(|(words, _)| {
        let calls = ["presence", "webhooks", "operator", "doctor", "health"];
        words.first().is_some_and(|first| calls.contains(&first.as_str()))
    });
    let mut count = 0;
    for (words, command) in callers {
        let options = options(command);
        let wanted = if words[0] == "health" { &["--url", "--json"][..] } else { &["--url", "--json", "--token"] };
        for option in wanted {
            assert!(options.iter().any(|name| name == option), "{words:?} lacks {option}");
        }
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[test]
fn secrets_of_the_environment_are_not_printed_by_help() {
    let help = super::program(&["presence", "--help"]).env("PRESENCE_SIDECAR_TOKEN", "a-very-secret-token").output();
    let text = super::text_of(&help.unwrap());
    assert!(text.contains("PRESENCE_SIDECAR_TOKEN") && !text.contains("a-very-secret-token"), "{text}");
}

#[test]
fn exit_statuses_of_help_are_those_of_the_guide() {
    let help = stdout_of(&["--help"]);
    let (_, table) = help.split_once("Exit status:\n").unwrap();
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/README.md")).unwrap();
    let rows: Vec<String> = table
        .lines()
        .map(|line| line.trim().split_once("  ").unwrap())
        .map(|(status, meaning)| format!("| {status} | {} |", meaning.trim()))
        .collect();
    assert!(rows.len() >= 5, "{table}");
    for row in rows {
        assert!(guide.contains(&row), "docker/README.md lacks {row}");
    }
}
