//! `presence-sidecar config`: prints the effective configuration.

use clap::Args;

use super::output::{print, print_error};
use super::run::CommandResult;
use super::source::Source;
use crate::config::{Flags, load};

#[derive(Debug, Args)]
pub(super) struct Config {
    /// Only check the configuration: print errors and warnings
    #[arg(long)]
    check: bool,
}

impl Config {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let loaded = load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        for warning in &loaded.warnings {
            print_error(&format!("warning: {warning}"));
        }
        if !self.check {
            print(&loaded.describe());
        }
        Ok(())
    }
}
