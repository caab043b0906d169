//! The two text formats of metrics: Prometheus' own, and OpenMetrics 1.0.

use std::fmt::Write;

use super::catalog::{Metric, MetricKind};

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Exposition {
    /// What a request names in `Accept` to get [`OpenMetrics`](Self::OpenMetrics).
    pub const OPEN_METRICS: &'static str = "application/openmetrics-text";

    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The value of a sample.
pub(super) enum SampleValue {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// Each upper bound, and the number of values below it.
        buckets: Vec<(f64, u64)>,
        /// The sum of all values.
        sum: f64,
    },
}

/// Metrics that are being written.
pub(super) struct Exposure {
    format: Exposition,
    text: String,
}

impl Exposure {
    pub(super) fn new(format: Exposition) -> Self {
        Self { format, text: String::with_capacity(16 * 1024) }
    }

    /// Writes all samples of `metric` under `name`.
    pub(super) fn write(&mut self, metric: &Metric, name: &str, samples: &[(&[String], SampleValue)]) {
        let family = match self.format {
            Exposition::OpenMetrics => name.trim_end_matches("_total"),
            Exposition::Prometheus => name,
        };
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram(_) => "histogram",
        };
        self.line(&format!("# HELP {family} {}", metric.help));
        self.line(&format!("# TYPE {family} {kind}"));
        let unit = metric.unit();
        if self.format == Exposition::OpenMetrics && !unit.is_empty() && family.ends_with(unit) {
            self.line(&format!("# UNIT {family} {unit}"));
        }
        for (values, value) in samples {
            let labels = labels(metric, values);
            match value {
                SampleValue::Number(number) => self.sample(name, &labels, *number),
                SampleValue::Histogram { buckets, sum } => self.histogram(name, &labels, buckets, *sum),
            }
        }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        if self.format == Exposition::OpenMetrics {
            self.line("# EOF");
        }
        self.text
    }

    fn histogram(&mut self, name: &str, labels: &str, buckets: &[(f64, u64)], sum: f64) {
        let comma = if labels.is_empty() { "" } else { "," };
        for (bound, count) in buckets {
            let bound = self.bound(*bound);
            self.line(&format!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        }
        self.sample(&format!("{name}_sum"), labels, sum);
        let count = buckets.last().map_or(0, |(_, count)| *count);
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        self.line(&format!("{name}_count{labels} {count}"));
    }

    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let value = if value.is_infinite() { "+Inf".to_owned() } else { value.to_string() };
        match labels.is_empty() {
            true => self.line(&format!("{name} {value}")),
            false => self.line(&format!("{name}{{{labels}}} {value}")),
        }
    }

    /// An upper bound. In OpenMetrics each has a point.
    fn bound(&self, bound: f64) -> String {
        match self.format {
            _ if bound.is_infinite() => "+Inf".to_owned(),
            Exposition::OpenMetrics => format!("{bound:?}"),
            Exposition::Prometheus => bound.to_string(),
        }
    }

    fn line(&mut self, line: &str) {
        // A text takes every line.
        _ = writeln!(self.text, "{line}");
    }
}

/// The labels with their values, without the braces.
fn labels(metric: &Metric, values: &[String]) -> String {
    let pairs = metric.labels.iter().zip(values).map(|(name, value)| format!("{name}=\"{}\"", escape(value)));
    pairs.collect::<Vec<_>>().join(",")
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
