//! `presence-sidecar health`: whether the sidecar answers, for the health checks of containers and supervisors.

use clap::Args;

use super::sidecar::Sidecar;
use super::{CommandResult, Source, run_async};
use crate::config::{Flags, load};

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Ask whether its store answers, too (/ready), and not only whether it runs (/up)
    #[arg(long)]
    ready: bool,
    /// Where it listens, if `serve` was told so by its flag
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Health {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let sources = source.with(Flags { listen: self.listen });
        let config = load(&sources).map_err(|error| error.to_string())?.config;
        let path = if self.ready { "/ready" } else { "/up" };
        run_async(async {
            let answer = Sidecar::as_anybody(&config)?.get(path).await?;
            println!("{}", answer["status"].as_str().unwrap_or("up"));
            Ok(())
        })
    }
}
