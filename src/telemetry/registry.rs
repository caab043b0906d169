//! The registry: the samples of all metrics of one running sidecar. Handles are resolved once; counting is an atomic
//! addition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram};

use super::catalog::{Metric, MetricKind};
use super::exposition::{Exposition, Exposure, SampleValue};
use super::histogram::FixedHistogram;
use super::striped::StripedCounter;

/// The metrics of one running sidecar.
#[derive(Default)]
pub struct Registry {
    families: Mutex<BTreeMap<&'static str, Family>>,
    has_former_names: bool,
}

/// A metric and its samples.
struct Family {
    metric: Metric,
    samples: Vec<Arc<Sample>>,
}

struct Sample {
    labels: Vec<String>,
    source: Source,
}

/// Where a value comes from.
enum Source {
    Counter(Arc<StripedCounter>),
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<FixedHistogram>),
    Observed(Box<dyn Fn() -> Option<f64> + Send + Sync>),
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes metrics under their former names as well.
    #[must_use]
    pub fn with_former_names(self, has_former_names: bool) -> Self {
        Self { has_former_names, ..self }
    }

    /// The counter `metric` with these values of its labels. It begins at 0.
    pub fn counter(&self, metric: &Metric, labels: &[&str]) -> Counter {
        let new = || Source::Counter(Arc::default());
        self.sample(metric, labels, new, |source| match source {
            Source::Counter(counter) => Counter::from_arc(counter.clone()),
            Source::Gauge(_) | Source::Histogram(_) | Source::Observed(_) => Counter::noop(),
        })
    }

    /// The gauge `metric` with these values of its labels. It begins at 0.
    pub fn gauge(&self, metric: &Metric, labels: &[&str]) -> Gauge {
        let new = || Source::Gauge(Arc::default());
        self.sample(metric, labels, new, |source| match source {
            Source::Gauge(gauge) => Gauge::from_arc(gauge.clone()),
            Source::Counter(_) | Source::Histogram(_) | Source::Observed(_) => Gauge::noop(),
        })
    }

    /// The histogram `metric` with these values of its labels.
    pub fn histogram(&self, metric: &Metric, labels: &[&str]) -> Histogram {
        let MetricKind::Histogram(bounds) = metric.kind else { return Histogram::noop() };
        let new = || Source::Histogram(Arc::new(FixedHistogram::new(bounds)));
        self.sample(metric, labels, new, |source| match source {
            Source::Histogram(histogram) => Histogram::from_arc(histogram.clone()),
            Source::Counter(_) | Source::Gauge(_) | Source::Observed(_) => Histogram::noop(),
        })
    }

    /// Reads the value of `metric` with these values of its labels when the metrics are asked for. Without a value, the
    /// sample is left out.
    pub fn observe(&self, metric: &Metric, labels: &[&str], read: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        self.sample(metric, labels, || Source::Observed(Box::new(read)), |_| ());
    }

    /// All metrics in this format, in the order of their names.
    pub fn render(&self, format: Exposition) -> String {
        let mut exposure = Exposure::new(format);
        // Values are read without the lock: some are in files, and requests wait for the lock when they need a new sample.
        let families: Vec<_> = self.families().values().map(|family| (family.metric, family.samples.clone())).collect();
        for (metric, samples) in &families {
            let samples: Vec<_> =
                samples.iter().filter_map(|sample| Some((&*sample.labels, sample.source.value()?))).collect();
            if samples.is_empty() {
                continue;
            }
            exposure.write(metric, metric.name, &samples);
            if let Some(former) = metric.former.filter(|_| self.has_former_names) {
                exposure.write(metric, former, &samples);
            }
        }
        exposure.finish()
    }

    /// The sample of `metric` with these labels, made by `new` if there is none yet.
    fn sample<T>(
        &self,
        metric: &Metric,
        labels: &[&str],
        new: impl FnOnce() -> Source,
        handle: impl FnOnce(&Source) -> T,
    ) -> T {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{}", metric.name);
        let mut families = self.families();
        let family = families.entry(metric.name).or_insert_with(|| Family { metric: *metric, samples: Vec::new() });
        let index = family.samples.iter().position(|sample| sample.labels.iter().eq(labels)).unwrap_or_else(|| {
            let labels = labels.iter().map(|value| (*value).to_owned()).collect();
            family.samples.push(Arc::new(Sample { labels, source: new() }));
            family.samples.len() - 1
        });
        handle(&family.samples[index].source)
    }

    fn families(&self) -> MutexGuard<'_, BTreeMap<&'static str, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn value(&self) -> Option<SampleValue> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "no counter reaches 2^52")]
            Self::Counter(counter) => Some(SampleValue::Number(counter.value() as f64)),
            Self::Gauge(gauge) => Some(SampleValue::Number(f64::from_bits(gauge.load(Ordering::Relaxed)))),
            Self::Histogram(histogram) => {
                Some(SampleValue::Histogram { buckets: histogram.cumulated(), sum: histogram.sum() })
            }
            Self::Observed(read) => read().map(SampleValue::Number),
        }
    }
}
