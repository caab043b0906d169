//! `[log]`.

use serde::Deserialize;

use super::layers::{Layers, Result};

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
    let format = match raw.format.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => return Err(layers.not_one_of("log.format", &["text", "json"])),
    };
    Ok(LogConfig { filter: raw.filter, format })
}
