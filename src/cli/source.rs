//! The options that select the configuration.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Flags, Sources};

#[derive(Debug, Args)]
pub(super) struct Source {
    /// A TOML file with the keys of config/presence.toml
    #[arg(long, global = true, value_name = "FILE", env = "PRESENCE_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder of the Laravel app; its .env is read
    #[arg(long, global = true, value_name = "DIR")]
    pub laravel: Option<PathBuf>,
}

impl Source {
    /// The sources of the configuration, with flags of the command.
    pub(super) fn with(self, flags: Flags) -> Sources {
        Sources { file: self.config, laravel: self.laravel, environment: environment(), flags }
    }
}

/// The process environment, without variables that are not Unicode.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
