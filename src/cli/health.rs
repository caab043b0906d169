//! `presence-sidecar health`: the health check for containers and supervisors.

use clap::Args;

use super::output::print_result;
use super::run::{CommandResult, run_async};
use super::sidecar::{Sidecar, SidecarAddress};
use super::source::Source;
use super::table::cell;
use crate::config::{Flags, load};

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Check the store as well (/ready), instead of the process only (/up)
    #[arg(long)]
    ready: bool,
    /// The address of the sidecar, if `serve` has this flag
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print the response as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: SidecarAddress,
}

impl Health {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let sources = source.with(Flags { listen: self.listen });
        let config = load(&sources).map_err(|error| error.to_string())?.config;
        let path = if self.ready { "/ready" } else { "/up" };
        run_async(async {
            let response = Sidecar::without_token(&config, &self.address)?.get(path).await?;
            print_result(self.json, &response, &cell(&response, "status"));
            Ok(())
        })
    }
}
