//! `presence-sidecar serve`: runs the sidecar.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::run::CommandResult;
use super::source::Source;
use crate::config::{Config, Flags, Listen, Loaded, Sources, load, private_files, secrets};
use crate::http::listener::{BoundListener, bind};
use crate::{app, http, telemetry};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Addresses to listen on: a comma-separated list of host:port and unix:/path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

impl Serve {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let sources = source.with(Flags { listen: self.listen });
        let (loaded, generated) = load_with_secrets(&sources)?;
        telemetry::log(&loaded.config.log).map_err(|error| format!("log.filter: {error}"))?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(warning) = private_files::protect_folder(&loaded.config.storage) {
            tracing::warn!("{warning}");
        }
        // Fails only if a provider is already installed, which is then used.
        _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = http::listener::runtime(loaded.config.server.workers);
        runtime.map_err(|error| error.to_string())?.block_on(serve(&loaded.config, generated.as_deref()))
    }
}

/// Loads the configuration. If a secret is missing, generates it and loads again; the second value is then its file.
fn load_with_secrets(sources: &Sources) -> Result<(Loaded, Option<String>), String> {
    let loaded = load(sources).map_err(|error| error.to_string())?;
    let missing = loaded.config.missing_secrets();
    if missing.is_empty() {
        return Ok((loaded, None));
    }
    let storage = &loaded.config.storage;
    let written = secrets::ensure(storage, &missing)
        .map_err(|error| format!("storage = {}: cannot write the generated secrets: {error}", storage.display()))?;
    let loaded = load(sources).map_err(|error| error.to_string())?;
    Ok((loaded, Some(written.path.display().to_string())))
}

async fn serve(config: &Config, generated: Option<&str>) -> CommandResult {
    let app = app::App::build(config).map_err(|error| error.to_string())?;
    let listeners = bind_all(&config.server.listen).await?;
    let metrics = bind_all(&config.metrics.listen).await?;
    for listener in &listeners {
        tracing::info!(listen = listener.describe(), store = ?config.cache.store, "listening");
    }
    for listener in &metrics {
        tracing::info!(listen = listener.describe(), "serving metrics");
    }
    if let Some(path) = generated {
        print_quickstart(config, path, &listeners);
    }
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    app::run(listeners, metrics, app, stop).await;
    tracing::info!("stopped");
    Ok(())
}

async fn bind_all(addresses: &[Listen]) -> Result<Vec<BoundListener>, String> {
    let mut bound = Vec::with_capacity(addresses.len());
    for address in addresses {
        bound.push(bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?);
    }
    Ok(bound)
}

/// Prints the next steps after the first start; on standard output, as it is not a log line.
fn print_quickstart(config: &Config, path: &str, listeners: &[BoundListener]) {
    println!("Generated secrets in {path}, readable only by you. Back them up.");
    let tcp = listeners.iter().map(BoundListener::describe).find(|address| address.starts_with("http"));
    if let (Some(address), Some(_)) = (tcp, config.auth.tokens.first()) {
        println!("Try it:\n");
        println!("  . {path} && curl -s {address}/api/v1/presence/heartbeat \\");
        println!("    -H \"Authorization: Bearer $PRESENCE_TOKEN\" -H 'Content-Type: application/json' \\");
        println!("    -d '{{\"user_id\": 42, \"meta\": {{\"device\": \"phone\"}}}}'\n");
        println!("Swagger UI: {address}/docs");
    }
}

async fn stop_on_signal(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("cannot install signal handlers; stop with SIGKILL");
        return;
    };
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping: waiting for open requests");
    stop.cancel();
}
