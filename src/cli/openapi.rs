//! `presence-sidecar openapi`: writes the OpenAPI document, as it is committed to `openapi/`.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::output::print;
use super::run::CommandResult;
use crate::app;
use crate::config::{Sources, load};
use crate::http::openapi;

#[derive(Debug, Args)]
pub(super) struct Openapi {
    /// The folder to write presence-sidecar.json and presence-sidecar.yaml to
    #[arg(long, value_name = "DIR", default_value = "openapi")]
    out: PathBuf,
}

impl Openapi {
    pub(super) fn run(self) -> CommandResult {
        let defaults = load(&Sources::default()).map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
        let document = runtime.block_on(async { app::App::build(&defaults).map(|app| app.document) });
        let document = document.map_err(|error| error.to_string())?;
        std::fs::create_dir_all(&self.out).map_err(|error| format!("{}: {error}", self.out.display()))?;
        let mut written = String::new();
        for (extension, text) in [("json", openapi::to_json(&document)), ("yaml", openapi::to_yaml(&document))] {
            let path = self.out.join("presence-sidecar").with_extension(extension);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            _ = writeln!(written, "{}", path.display());
        }
        print(&written);
        Ok(())
    }
}
