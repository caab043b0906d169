//! `presence-sidecar config`: prints the effective configuration.

use clap::Args;
use serde_json::json;

use super::output::{print, print_error, print_line};
use super::run::CommandResult;
use super::source::Source;
use crate::config::{Flags, Origin, load};

#[derive(Debug, Args)]
pub(super) struct Config {
    /// Only check the configuration: print errors and warnings
    #[arg(long)]
    check: bool,
    /// Print JSON: one object per key, with its value and where the value comes from
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let loaded = load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        for warning in &loaded.warnings {
            print_error(&format!("warning: {warning}"));
        }
        let object =
            |Origin { key, value, layer }: &Origin| json!({"key": key, "value": value, "from": layer}).to_string();
        match (self.check, self.json) {
            (true, _) => {}
            (false, true) => loaded.origins.iter().for_each(|origin| print_line(&object(origin))),
            (false, false) => print(&loaded.describe()),
        }
        Ok(())
    }
}
