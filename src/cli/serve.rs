//! `presence-sidecar serve`: runs the sidecar.

use std::process::ExitCode;

use clap::Args;

use super::locations::{Location, locations};
use super::output::{print_error, print_in_background};
use super::quickstart::Quickstart;
use super::reload::Reloader;
use super::signals::{EXIT_FAILED, LAST_LINES, Signals};
use super::source::Source;
use super::systemd;
use crate::app::{App, WorkerFailure};
use crate::config::{Config, Flags, Listen, Loaded, LogFormat, SocketAccess, Sources, load, private_files, secrets};
use crate::http::listener::{BoundListener, bind, inherited};
use crate::telemetry::{LogFilter, LogHandle};
use crate::{app, http, telemetry};

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Addresses to listen on: a comma-separated list of host:port and unix:/path
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// Why the command did not end with success.
enum ServeError {
    /// It could not start; one line for standard error.
    Start(String),
    /// A worker keeps failing.
    Worker,
}

impl From<String> for ServeError {
    fn from(line: String) -> Self {
        Self::Start(line)
    }
}

impl Serve {
    /// Runs the sidecar until a signal stops it.
    pub(super) fn run(self, source: Source) -> ExitCode {
        let mut log = None;
        let result = self.start(source, &mut log);
        let (line, status) = match result {
            Ok(()) => (None, ExitCode::SUCCESS),
            Err(ServeError::Start(line)) => (Some(format!("presence-sidecar: {line}")), ExitCode::FAILURE),
            // The log has it.
            Err(ServeError::Worker) => (None, ExitCode::from(EXIT_FAILED)),
        };
        match (log, line) {
            (Some(log), line) => {
                line.iter().for_each(|line| log.write_line(line));
                log.flush(LAST_LINES);
            }
            (None, Some(line)) => print_error(&line),
            (None, None) => {}
        }
        status
    }

    /// Starts the log into `log`, then the server.
    fn start(self, source: Source, log: &mut Option<LogHandle>) -> Result<(), ServeError> {
        let signals = Signals::receive().map_err(|error| format!("cannot receive signals: {error}"))?;
        let sources = source.with(Flags { listen: self.listen });
        let (loaded, generated) = load_with_secrets(&sources)?;
        let config = &loaded.config;
        let filter = LogFilter::parse(&config.log.filter)?;
        let log = log.insert(telemetry::log(&config.log, filter).map_err(|error| format!("log: {error}"))?);
        log.log_panics();
        signals.set_running(log.clone(), config.server.shutdown_timeout);
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        locations(&loaded).iter().for_each(Location::log);
        if let Some(warning) = private_files::protect_folder(&loaded.config.storage) {
            tracing::warn!("{warning}");
        }
        // Fails only if a provider is already installed, which is then used.
        _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = http::listener::runtime(config.server.workers).map_err(|error| error.to_string())?;
        let app = {
            // Connection pools start tasks.
            let _context = runtime.enter();
            App::build(&loaded).map_err(|error| error.to_string())?
        };
        log.count_in(app.registry());
        let reloader = Reloader::new(sources, &app, log.clone());
        let result = runtime.block_on(serve(app, config, generated, (signals, reloader)));
        // Threads that hang must not keep the process from ending.
        runtime.shutdown_background();
        result
    }
}

/// Loads the configuration. If a secret is missing, generates it and loads again; the second value then says how to start.
fn load_with_secrets(sources: &Sources) -> Result<(Loaded, Option<Quickstart>), String> {
    let loaded = load(sources).map_err(|error| error.to_string())?;
    let missing = loaded.config.missing_secrets();
    if missing.is_empty() {
        return Ok((loaded, None));
    }
    let storage = &loaded.config.storage;
    let written = secrets::ensure(storage, &missing)
        .map_err(|error| format!("storage = {}: cannot write the generated secrets: {error}", storage.display()))?;
    let loaded = load(sources).map_err(|error| error.to_string())?;
    let quickstart = Quickstart { file: written.path, has_token: missing.contains(&"PRESENCE_TOKEN") };
    Ok((loaded, Some(quickstart)))
}

async fn serve(
    app: App,
    config: &Config,
    generated: Option<Quickstart>,
    (signals, reloader): (Signals, Reloader),
) -> Result<(), ServeError> {
    let mut listeners = inherited()
        .map_err(|error| format!("the sockets of LISTEN_FDS cannot be used: {error}: correct the socket unit"))?;
    if listeners.is_empty() {
        listeners = bind_all(&config.server.listen, &config.server.socket).await?;
    }
    let metrics = bind_all(&config.metrics.listen, &config.server.socket).await?;
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    for listener in &listeners {
        tracing::info!(listen = listener.url(scheme), store = ?config.cache.store, "listening");
    }
    for listener in &metrics {
        tracing::info!(listen = listener.url("http"), "serving metrics");
    }
    let addresses: Vec<String> = listeners.iter().map(|listener| listener.url(scheme)).collect();
    if let Some(quickstart) = generated {
        match config.log.format {
            // No other text between the records.
            LogFormat::Json => quickstart.log(),
            LogFormat::Text => print_in_background(quickstart.text(&addresses)),
        }
    }
    let Signals { stop, reload, .. } = signals;
    systemd::announce(&addresses, app.supervisor(), stop.clone());
    app.supervisor().spawn_until_stop("reload", move || reloader.clone().run(reload.clone()));
    app::run(listeners, metrics, app, stop).await.map_err(|WorkerFailure { .. }| ServeError::Worker)?;
    tracing::info!("stopped");
    Ok(())
}

async fn bind_all(addresses: &[Listen], access: &SocketAccess) -> Result<Vec<BoundListener>, String> {
    let mut bound = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listeners = bind(address).await.map_err(|error| cannot_listen(address, &error))?;
        let permit = |listener: &BoundListener| listener.permit(access);
        listeners.iter().try_for_each(permit).map_err(|error| {
            format!("{address}: the socket cannot get server.socket_mode and server.socket_group: {error}")
        })?;
        bound.extend(listeners);
    }
    Ok(bound)
}

/// The error of an address that cannot be bound, with what to do.
fn cannot_listen(address: &Listen, error: &std::io::Error) -> String {
    let fix = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ": another program, or another sidecar, listens there; set --listen, PRESENCE_LISTEN or server.listen to another address"
        }
        std::io::ErrorKind::PermissionDenied => ": this user may not bind it; set --listen to another address",
        _ => "",
    };
    format!("cannot listen on {address}: {error}{fix}")
}
