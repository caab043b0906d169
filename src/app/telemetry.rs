//! Builds what reports on this process: its metrics, and the export of spans.

use std::sync::Arc;

use super::error::BuildError;
use super::monitor::Monitor;
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::telemetry::spans::Spans;
use crate::telemetry::{Registry, SpanExporter, observe_process};

/// What reports on this process.
pub(super) struct TelemetryWorkers {
    pub(super) monitor: Monitor,
    pub(super) spans: Option<SpanExporter>,
}

impl TelemetryWorkers {
    /// Starts them.
    pub(super) fn spawn(self, supervisor: &Supervisor) {
        let Self { monitor, spans } = self;
        supervisor.spawn_until_stop("metrics", move || monitor.clone().run());
        if let Some(exporter) = spans {
            let stop = supervisor.stop().clone();
            supervisor.spawn("spans", move || exporter.clone().run(stop.clone()));
        }
    }
}

/// The queue of spans, and what exports them; nobody, if no collector is configured.
pub(super) fn spans(config: &Config, registry: &Registry) -> Result<(Spans, Option<SpanExporter>), BuildError> {
    let built = SpanExporter::build(&config.otlp, registry)
        .map_err(|error| BuildError(format!("otlp.endpoint cannot be used: {error}")))?;
    Ok(built.map_or_else(|| (Spans::default(), None), |(spans, exporter)| (spans, Some(exporter))))
}

/// The metrics, with those of the process.
pub(super) fn registry(config: &Config) -> Arc<Registry> {
    let registry = Registry::new().with_former_names(config.metrics.legacy_names);
    observe_process(&registry);
    Arc::new(registry)
}
