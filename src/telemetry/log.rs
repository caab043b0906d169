//! The log of this process, on standard error.

use std::any::Any;
use std::fs::File;
use std::io;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics::Counter;
use tracing_subscriber::EnvFilter;

use super::Registry;
use super::catalog;
use super::log_queue::LogQueue;
use super::log_sampler::SampledLog;
use crate::config::{LogConfig, LogFormat};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A valid `log.filter`.
pub struct LogFilter(EnvFilter);

impl LogFilter {
    /// Parses a filter in the syntax of `RUST_LOG`.
    ///
    /// # Errors
    /// The filter is invalid; the message begins with the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map(Self).map_err(|error| format!("log.filter: {error}"))
    }
}

/// The log of this process. Clones share it.
#[derive(Clone)]
pub struct LogHandle {
    queue: LogQueue,
    panics: Arc<OnceLock<Counter>>,
    set_filter: Arc<dyn Fn(EnvFilter) + Send + Sync>,
}

impl LogHandle {
    /// Uses `filter` for all lines from now on.
    pub fn set_filter(&self, filter: LogFilter) {
        (self.set_filter)(filter.0);
    }

    /// Counts lost lines and panics in `registry`. Lines that are lost already are included.
    pub fn count_in(&self, registry: &Registry) {
        self.queue.count_in(registry.counter(&catalog::LOG_LINES_LOST, &[]));
        _ = self.panics.set(registry.counter(&catalog::PANICS, &[]));
    }

    /// Logs panics, instead of writing them to standard error, which may block. Counts them, too.
    pub fn log_panics(&self) {
        let panics = self.panics.clone();
        std::panic::set_hook(Box::new(move |panic| {
            if let Some(counter) = panics.get() {
                counter.increment(1);
            }
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(panic = panic_text(panic.payload()), location, "a task panicked");
        }));
    }

    /// Writes a line that is not a record of the log.
    pub fn write_line(&self, line: &str) {
        self.queue.push(format!("{line}\n").as_bytes());
    }

    /// Waits until all lines are written, at most `timeout`. Call it before the process ends.
    pub fn flush(&self, timeout: Duration) {
        self.queue.flush(timeout);
    }
}

/// Configures this process's log, which goes to standard error. A caller never waits for standard error, and an error of
/// it reaches no caller: the lines are dropped and counted.
///
/// # Errors
/// The log is configured already, or the system cannot start a thread.
pub fn log(config: &LogConfig, filter: LogFilter) -> Result<LogHandle, Error> {
    let queue = LogQueue::default();
    queue.start(standard_error())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter.0)
        .with_writer(SampledLog::new(queue.clone(), config.format))
        .log_internal_errors(false);
    // A handle fails only if its subscriber is gone, which lives as long as the process.
    let set_filter: Arc<dyn Fn(EnvFilter) + Send + Sync> = match config.format {
        LogFormat::Text => {
            let builder = builder.with_target(false).with_ansi(io::stderr().is_terminal());
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init()?;
            Arc::new(move |filter| _ = handle.reload(filter))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init()?;
            Arc::new(move |filter| _ = handle.reload(filter))
        }
    };
    Ok(LogHandle { queue, panics: Arc::default(), set_filter })
}

/// Standard error without the lock of the standard library, which a blocked write would hold.
fn standard_error() -> Box<dyn Write + Send> {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(File::from(descriptor)),
        Err(_) => Box::new(io::stderr()),
    }
}

/// The text of a panic.
pub fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("unknown")
}
