//! `[log]`.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::layers::{Layers, Result, nearest_word};

/// The levels of a filter.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Levels of other loggers (RFC 5424, which Laravel has), and the nearest one here.
const FOREIGN_LEVELS: [(&str, &str); 8] = [
    ("emergency", "error"),
    ("alert", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("notice", "info"),
    ("verbose", "debug"),
    ("all", "trace"),
    ("none", "off"),
];

/// The target of the sidecar's own lines.
const TARGET: &str = env!("CARGO_CRATE_NAME");

/// `[log]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogConfig {
    /// A filter in the syntax of `RUST_LOG`.
    pub filter: String,
    /// The format of a line.
    pub format: LogFormat,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    filter: String,
    format: String,
}

pub(super) fn resolve(raw: RawLog, layers: &Layers) -> Result<LogConfig> {
    if raw.filter.trim().is_empty() {
        return Err(layers.error_at("log.filter", "must be a level such as info, or a filter"));
    }
    if EnvFilter::try_new(&raw.filter).is_err() {
        let hint =
            directives(&raw.filter).filter_map(|(_, level)| Some(nearest_word(level?, &LEVELS))).collect::<String>();
        let problem = format!("must be levels, or targets with levels such as presence_sidecar=debug{hint}");
        return Err(layers.error_at("log.filter", problem));
    }
    if let Some((word, hint)) = misspelt_level(&raw.filter) {
        return Err(layers.error_at("log.filter", format!("has the target {word:?}, which no line has{hint}")));
    }
    let format = match raw.format.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => return Err(layers.not_one_of("log.format", &["text", "json"])),
    };
    Ok(LogConfig { filter: raw.filter, format })
}

/// The target and the level of each directive of a filter.
fn directives(filter: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let parts = filter.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.rsplit_once('=').map_or((part, None), |(target, level)| (target, Some(level))))
}

/// A word without a level that is probably a level itself: as the name of a target it would leave out all lines.
fn misspelt_level(filter: &str) -> Option<(&str, String)> {
    let words = directives(filter).filter(|(word, level)| level.is_none() && !is_known(word));
    let mut hints = words.map(|(word, _)| {
        let foreign = FOREIGN_LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        (word, foreign.map_or_else(|| nearest_word(word, &LEVELS), |(_, level)| format!(" (did you mean {level}?)")))
    });
    hints.find(|(_, hint)| !hint.is_empty())
}

fn is_known(target: &str) -> bool {
    target.starts_with(TARGET) || LEVELS.contains(&target.to_ascii_lowercase().as_str())
}

/// Warns of targets that are probably the misspelt name of the sidecar: a filter takes any target, and leaves out the lines of
/// all others.
pub(super) fn warnings(log: &LogConfig) -> Vec<String> {
    let found = directives(&log.filter).filter(|(target, _)| !is_known(target)).filter_map(|(target, _)| {
        let hint = nearest_word(target, &[TARGET]);
        (!hint.is_empty()).then(|| format!("log.filter has the target {target:?}, which no line has{hint}"))
    });
    found.collect()
}
