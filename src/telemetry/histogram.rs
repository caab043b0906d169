//! A histogram with fixed buckets. Recording a value takes two atomic additions, no lock and no memory.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{GaugeFn, HistogramFn};

use super::striped::Striped;

/// Most upper bounds of a histogram.
pub const MAX_BOUNDS: usize = 14;

/// Counts of recorded values by bucket, and their sum.
#[derive(Debug)]
pub struct FixedHistogram {
    bounds: &'static [f64],
    parts: Striped<Part>,
}

/// What some of the threads have recorded.
#[derive(Debug, Default)]
struct Part {
    /// The number of values in each bucket alone; the one behind the last bound has those above all bounds.
    buckets: [AtomicU64; MAX_BOUNDS + 1],
    /// The bits of a float.
    sum: AtomicU64,
}

impl FixedHistogram {
    /// A histogram with these upper bounds, at most [`MAX_BOUNDS`] and in rising order, and no values.
    pub fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.len() <= MAX_BOUNDS, "{} bounds", bounds.len());
        Self { bounds, parts: Striped::default() }
    }

    /// Each upper bound with the number of values that are at most as large. The last bound is infinite, so its number is
    /// that of all values.
    pub fn cumulated(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let count = |bucket: usize| -> u64 {
            self.parts.parts().map(|part| part.buckets[bucket].load(Ordering::Relaxed)).sum()
        };
        let counts = (0..=self.bounds.len()).scan(0, |below, bucket| {
            *below += count(bucket);
            Some(*below)
        });
        bounds.zip(counts).collect()
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        self.parts.parts().map(|part| f64::from_bits(part.sum.load(Ordering::Relaxed))).sum()
    }
}

impl HistogramFn for FixedHistogram {
    fn record(&self, value: f64) {
        let index = self.bounds.iter().take_while(|bound| **bound < value).count();
        let part = self.parts.own();
        part.buckets[index].fetch_add(1, Ordering::Relaxed);
        GaugeFn::increment(&part.sum, value);
    }
}
