//! The signals of `presence-sidecar serve`, received by a thread of its own.
//!
//! SIGTERM and SIGINT stop the sidecar, SIGHUP reloads its configuration. The thread has a runtime of its own, so that it
//! ends the process even if all threads of the server hang: at a second SIGTERM or SIGINT that is no echo of the first, or
//! one second after `server.shutdown_timeout_seconds`. Before the configuration is read, the first signal ends it at once.

use std::io;
use std::process::exit;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::telemetry::LogHandle;

/// The exit status of a process that did not stop by itself, or whose workers keep failing: `EX_SOFTWARE` of `sysexits.h`.
pub(super) const EXIT_FAILED: u8 = 70;
/// The exit status after a second signal is this plus the number of the signal.
const EXIT_SIGNAL: i32 = 128;
/// A signal this soon after the first one is the same: it came directly, and through a program that passes signals on to its
/// children, such as `timeout` or `npm run`.
const ECHO: Duration = Duration::from_millis(200);
/// The time beyond `server.shutdown_timeout_seconds`.
const GRACE: Duration = Duration::from_secs(1);
/// The longest time that the last lines of the log may take.
pub(super) const LAST_LINES: Duration = Duration::from_millis(500);

/// What the signals ask for.
#[derive(Clone, Default)]
pub(super) struct Signals {
    /// Cancelled by SIGTERM and SIGINT.
    pub(super) stop: CancellationToken,
    /// Notified by SIGHUP; a signal that arrives during the start is kept.
    pub(super) reload: Arc<Notify>,
    running: Arc<OnceLock<RunningServer>>,
}

/// What the thread needs to know of the server.
struct RunningServer {
    log: LogHandle,
    shutdown_timeout: Duration,
}

struct Receivers {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Receives signals from now on.
    ///
    /// # Errors
    /// The system refuses a handler or a thread.
    pub(super) fn receive() -> io::Result<Self> {
        let signals = Self::default();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let receivers = Receivers::install(&runtime)?;
        let (thread, own) = (std::thread::Builder::new().name("signals".to_owned()), signals.clone());
        thread.spawn(move || runtime.block_on(own.watch(receivers)))?;
        Ok(signals)
    }

    /// Tells the thread how long a stop may take, and where its last line goes.
    pub(super) fn set_running(&self, log: LogHandle, shutdown_timeout: Duration) {
        _ = self.running.set(RunningServer { log, shutdown_timeout });
    }

    async fn watch(self, mut receivers: Receivers) {
        let (name, number) = receivers.next_stop(&self.reload).await;
        // Before anything else: no failure of the log may keep the sidecar from stopping.
        self.stop.cancel();
        let Some(RunningServer { shutdown_timeout, .. }) = self.running.get() else {
            // It has not begun to serve.
            exit(EXIT_SIGNAL + number);
        };
        tracing::info!(signal = name, "stopping: waiting for open requests");
        let end = Instant::now() + *shutdown_timeout + GRACE;
        let echoes = async {
            loop {
                receivers.next_stop(&self.reload).await;
            }
        };
        _ = timeout(ECHO, echoes).await;
        tokio::select! {
            (name, number) = receivers.next_stop(&self.reload) => {
                tracing::warn!(signal = name, "second signal: ending at once");
                self.end(EXIT_SIGNAL + number);
            }
            () = sleep_until(end) => {
                tracing::error!("not stopped within server.shutdown_timeout_seconds: ending at once");
                self.end(EXIT_FAILED.into());
            }
        }
    }

    fn end(&self, status: i32) -> ! {
        if let Some(running) = self.running.get() {
            running.log.flush(LAST_LINES);
        }
        exit(status)
    }
}

impl Receivers {
    fn install(runtime: &Runtime) -> io::Result<Self> {
        let _context = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The name and the number of the next SIGTERM or SIGINT. Each SIGHUP until then notifies `reload`.
    async fn next_stop(&mut self, reload: &Notify) -> (&'static str, i32) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return ("SIGTERM", SignalKind::terminate().as_raw_value()),
                _ = self.interrupt.recv() => return ("SIGINT", SignalKind::interrupt().as_raw_value()),
                _ = self.hangup.recv() => reload.notify_one(),
            }
        }
    }
}
