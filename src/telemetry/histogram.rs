//! A histogram with fixed buckets. Recording a value takes two atomic additions, no lock and no memory.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{GaugeFn, HistogramFn};

/// Counts of recorded values by bucket, and their sum.
#[derive(Debug)]
pub struct FixedHistogram {
    bounds: &'static [f64],
    /// The number of values in each bucket alone; the last one has those above all bounds.
    buckets: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl FixedHistogram {
    /// A histogram with these upper bounds, in rising order, and no values.
    pub fn new(bounds: &'static [f64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    /// Each upper bound with the number of values that are at most as large. The last bound is infinite, so its number is
    /// that of all values.
    pub fn cumulated(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = self.buckets.iter().scan(0, |below, bucket| {
            *below += bucket.load(Ordering::Relaxed);
            Some(*below)
        });
        bounds.zip(counts).collect()
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

impl HistogramFn for FixedHistogram {
    fn record(&self, value: f64) {
        let index = self.bounds.iter().take_while(|bound| **bound < value).count();
        self.buckets[index].fetch_add(1, Ordering::Relaxed);
        GaugeFn::increment(&self.sum, value);
    }
}
