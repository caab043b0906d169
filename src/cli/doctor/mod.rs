//! `presence-sidecar doctor`: checks that store, sidecar and app are configured consistently, and names a fix for each
//! difference.

mod app;
mod differences;
mod upgrade;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::app::LaravelApp;
pub(super) use self::upgrade::CheckUpgrade;
use super::output::print_line;
use super::run::{CommandResult, run_async};
use super::sidecar::{ServiceCaller, Sidecar};
use super::source::Source;
use crate::app::checks::{Finding, check};
use crate::config::{Config, Flags, load};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The folder of the Laravel app to compare with, which needs the package presence-sidecar/laravel; by default that
    /// of --laravel
    #[arg(long, value_name = "DIR")]
    app: Option<PathBuf>,
    /// The PHP binary that runs the app
    #[arg(long, value_name = "PROGRAM", default_value = "php")]
    php: PathBuf,
    /// Print JSON, one finding per line; `fix` is null where nothing is wrong
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    caller: ServiceCaller,
}

impl Doctor {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let app = self.app.clone().or_else(|| source.laravel.clone());
        let loaded = load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        run_async(async {
            let mut findings = check(&loaded).await;
            findings.push(sidecar(&loaded.config, &self.caller).await);
            if let Some(folder) = app {
                findings.extend(LaravelApp { folder, php: self.php }.compare(&loaded.config).await);
            }
            report(&findings, self.json)
        })
    }
}

async fn sidecar(config: &Config, caller: &ServiceCaller) -> Finding {
    let answer = match Sidecar::of(config, caller) {
        Ok(sidecar) => sidecar.get("/api/v1/presence/counts").await.map(|_| sidecar.address().to_owned()),
        Err(why) => Err(why),
    };
    match answer {
        Ok(address) => Finding::ok("sidecar", format!("{address} responds and accepts the token")),
        Err(why) => Finding::wrong(
            "sidecar",
            why,
            "if it does not run, start it with this configuration: presence-sidecar serve with the same flags; if it answers \
             503, see the other findings",
        ),
    }
}

fn report(findings: &[Finding], json: bool) -> CommandResult {
    for Finding { subject, what, fix } in findings {
        match fix {
            _ if json => print_line(&json!({"subject": subject, "what": what, "fix": fix}).to_string()),
            None => print_line(&format!("ok   {subject}: {what}")),
            Some(fix) => print_line(&format!("FIX  {subject}: {what}\n     {fix}")),
        }
    }
    match findings.iter().filter(|finding| finding.fix.is_some()).count() {
        0 => Ok(()),
        1 => Err("1 problem found".to_owned()),
        more => Err(format!("{more} problems found")),
    }
}
