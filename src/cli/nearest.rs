//! The tip of an error about a misspelt command, option or value: the nearest name, where clap has none, several, or one that
//! resembles the word less.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// The error about a command line, with a tip that names the nearest word.
pub(super) fn name_nearest(mut error: Error, mut root: Command, line: impl Iterator<Item = OsString>) -> Error {
    root.build();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let Some(word) = text(&error, ContextKind::InvalidSubcommand) else { return error };
            let names = commands_like(&word, command_before(&word, &root, line));
            set_tip(&mut error, ContextKind::SuggestedSubcommand, names.map(ContextValue::Strings));
        }
        ErrorKind::UnknownArgument => {
            let word = text(&error, ContextKind::InvalidArg);
            let Some(name) = word.as_deref().and_then(|word| word.strip_prefix("--")) else { return error };
            let command = command_before(&format!("--{name}"), &root, line);
            let names = command.get_arguments().filter(|argument| !argument.is_hide_set());
            let nearest = nearest(name, names.filter_map(clap::Arg::get_long)).map(|name| format!("--{name}"));
            set_tip(&mut error, ContextKind::SuggestedArg, nearest.map(ContextValue::String));
        }
        ErrorKind::InvalidValue => {
            let Some(word) = text(&error, ContextKind::InvalidValue) else { return error };
            let nearest = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => nearest(&word, values.iter().map(String::as_str)),
                _ => None,
            };
            let nearest = nearest.map(|value| ContextValue::String(value.to_owned()));
            set_tip(&mut error, ContextKind::SuggestedValue, nearest);
        }
        _ => {}
    }
    error
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn set_tip(error: &mut Error, kind: ContextKind, tip: Option<ContextValue>) {
    match tip {
        Some(tip) => error.insert(kind, tip),
        None => error.remove(kind),
    };
}

/// The command whose part of the command line `word` is in; an option may have its value after a `=`.
fn command_before<'a>(word: &str, root: &'a Command, line: impl Iterator<Item = OsString>) -> &'a Command {
    let is_word = |part: &OsString| part.to_str().is_some_and(|part| part.split('=').next() == Some(word));
    let before = line.skip(1).take_while(|part| !is_word(part));
    before.fold(root, |command, part| command.find_subcommand(part).unwrap_or(command))
}

/// The nearest of the commands in `command`; if none is near, those in its commands that have this very name.
fn commands_like(word: &str, command: &Command) -> Option<Vec<String>> {
    let inner = || command.get_subcommands();
    let nearest = nearest(word, inner().map(Command::get_name)).map(|name| vec![name.to_owned()]);
    let deeper = inner().filter(|group| group.find_subcommand(word).is_some());
    let deeper: Vec<String> = deeper.map(|group| format!("{} {word}", group.get_name())).collect();
    nearest.or(Some(deeper)).filter(|names| !names.is_empty())
}

/// The name that resembles `word` most; `None` if none does: up to a third of its letters are missing, added, replaced or
/// swapped, or the beginning is the same and most letters of the rest are.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    let ranked = names.map(|name| (strsim::damerau_levenshtein(&word, name), name));
    let errors = word.chars().count().div_ceil(3);
    let similar = ranked.filter(|(distance, name)| *distance <= errors || strsim::jaro_winkler(&word, name) > 0.84);
    similar.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}
