//! Supervision of background workers: a worker that panics is logged, counted and started again.
//!
//! The pause before a restart doubles from 100 ms to 5 s, and begins anew after a minute without a panic. A worker that
//! panics more than five times within a minute does not recover by a restart: then the sidecar stops gracefully, and
//! [`run`](super::run) returns the [`WorkerFailure`].

use std::any::Any;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telemetry::{Registry, catalog, panic_text};

/// The pause before the first restart.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause before a restart.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The time in which panics are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// The largest number of panics within [`WINDOW`] after which a worker is started again.
const MAX_PANICS: usize = 5;

/// A worker panicked too often, or one that cannot be started again has panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the worker {worker} keeps failing: the log has the panics")]
pub struct WorkerFailure {
    /// The name of the worker.
    pub worker: &'static str,
}

/// Runs workers until they end or the sidecar stops. Clones share the workers.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    registry: Arc<Registry>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// The number of workers that have panicked and run not yet again.
    down: AtomicUsize,
    failure: OnceLock<WorkerFailure>,
}

impl Supervisor {
    /// A supervisor without workers, which counts restarts in `registry`.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self(Arc::new(Shared {
            registry,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            down: AtomicUsize::new(0),
            failure: OnceLock::new(),
        }))
    }

    /// The token that stops all workers. It is cancelled by a failure as well.
    pub fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }

    /// Runs the future that `start` returns, and starts it again if it panics. The worker must observe
    /// [`stop`](Self::stop) by itself.
    pub fn spawn<F>(&self, name: &'static str, start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.count(name).absolute(0);
        self.0.tasks.spawn(self.clone().supervise(name, start));
    }

    /// As [`spawn`](Self::spawn), for a worker that is dropped when the sidecar stops.
    pub fn spawn_until_stop<F>(&self, name: &'static str, mut start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.0.stop.clone();
        self.spawn(name, move || {
            let (stop, worker) = (stop.clone(), start());
            async move { _ = stop.run_until_cancelled(worker).await }
        });
    }

    /// Runs a worker in `tasks` that cannot be started again: its panic is a failure.
    pub fn spawn_once(
        &self,
        tasks: &TaskTracker,
        name: &'static str,
        worker: impl Future<Output = ()> + Send + 'static,
    ) {
        let supervisor = self.clone();
        let running = tasks.spawn(worker);
        tasks.spawn(async move {
            if let Some(panic) = running.await.err().and_then(panic_of) {
                tracing::error!(worker = name, panic = panic_text(panic.as_ref()), "worker panicked");
                supervisor.fail(name);
            }
        });
    }

    /// Whether all workers run.
    pub fn is_healthy(&self) -> bool {
        self.0.down.load(Ordering::Relaxed) == 0
    }

    /// Stops all workers because of `worker`.
    pub fn fail(&self, worker: &'static str) {
        _ = self.0.failure.set(WorkerFailure { worker });
        self.0.down.fetch_add(1, Ordering::Relaxed);
        self.0.stop.cancel();
        tracing::error!(worker, "worker failed too often: stopping");
    }

    /// The number of workers that have not ended.
    pub fn running(&self) -> usize {
        self.0.tasks.len()
    }

    /// Waits until all workers have ended.
    pub async fn wait(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The failure that has stopped the sidecar, if one has.
    pub fn failure(&self) -> Option<WorkerFailure> {
        self.0.failure.get().copied()
    }

    async fn supervise<F>(self, name: &'static str, mut start: impl FnMut() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut panics = Panics::default();
        loop {
            let worker = start();
            // A task of its own: it catches a panic wherever it happens, also while the worker is dropped.
            let Some(panic) = tokio::spawn(worker).await.err().and_then(panic_of) else { return };
            self.0.down.fetch_add(1, Ordering::Relaxed);
            self.count(name).increment(1);
            let pause = panics.record(Instant::now());
            tracing::error!(worker = name, panic = panic_text(panic.as_ref()), ?pause, "worker panicked");
            match pause {
                None => return self.fail(name),
                Some(pause) => _ = self.0.stop.run_until_cancelled(tokio::time::sleep(pause)).await,
            }
            if self.0.stop.is_cancelled() {
                return;
            }
            self.0.down.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn count(&self, name: &'static str) -> metrics::Counter {
        self.0.registry.counter(&catalog::WORKER_RESTARTS, &[name])
    }
}

/// The panic of a task; `None` if it was cancelled.
fn panic_of(error: JoinError) -> Option<Box<dyn Any + Send>> {
    error.try_into_panic().ok()
}

/// The recent panics of one worker.
#[derive(Default)]
struct Panics {
    times: VecDeque<Instant>,
    pause: Duration,
}

impl Panics {
    /// Records a panic. Returns the pause before the restart, `None` if the worker has panicked too often.
    fn record(&mut self, now: Instant) -> Option<Duration> {
        while self.times.front().is_some_and(|time| now.duration_since(*time) >= WINDOW) {
            self.times.pop_front();
        }
        let is_first = self.times.is_empty();
        self.pause = if is_first { FIRST_PAUSE } else { (2 * self.pause).min(MAX_PAUSE) };
        self.times.push_back(now);
        (self.times.len() <= MAX_PANICS).then_some(self.pause)
    }
}
