//! `[log]`.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::layers::{Layers, Result, nearest_word};

/// The levels of a filter.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

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

/// Warns of targets that are probably a misspelt level, or the misspelt name of the sidecar: a filter takes any target, and
/// leaves out the lines of all others.
pub(super) fn warnings(log: &LogConfig) -> Vec<String> {
    let known = |target: &str| target.starts_with(TARGET) || LEVELS.contains(&target.to_ascii_lowercase().as_str());
    let unknown = directives(&log.filter).filter(|(target, _)| !known(target));
    let found = unknown.filter_map(|(target, level)| {
        let words: &[&str] = if level.is_none() { &LEVELS } else { &[] };
        let hint = nearest_word(target, &[words, &[TARGET]].concat());
        (!hint.is_empty()).then(|| format!("log.filter has the target {target:?}, which no line has{hint}"))
    });
    found.collect()
}
