//! Values that many threads count at the same time: each adds to a part of its own, and a reader adds the parts up, so that
//! threads do not wait for each other's cache line.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use metrics::CounterFn;

/// Most parts of a value. With more threads than that, some share one.
const MAX_PARTS: usize = 32;

/// The number of parts: a power of two, and at least one for each core, up to [`MAX_PARTS`].
static PARTS: LazyLock<usize> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.next_power_of_two().min(MAX_PARTS)
});

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of this thread.
    static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// A `T` for each thread, up to one for each core.
#[derive(Debug)]
pub struct Striped<T>(Box<[CachePadded<T>]>);

impl<T> Striped<T> {
    /// The part of this thread.
    pub fn own(&self) -> &T {
        &self.0[THREAD.with(|thread| thread & (self.0.len() - 1))]
    }

    /// All parts.
    pub fn parts(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|part| &**part)
    }
}

impl<T: Default> Default for Striped<T> {
    fn default() -> Self {
        Self((0..*PARTS).map(|_| CachePadded::default()).collect())
    }
}

/// A counter that all threads may increment at the same time.
pub type StripedCounter = Striped<AtomicU64>;

impl StripedCounter {
    /// The sum of what was added so far.
    pub fn value(&self) -> u64 {
        self.parts().map(|part| part.load(Ordering::Relaxed)).sum()
    }
}

impl CounterFn for StripedCounter {
    fn increment(&self, value: u64) {
        self.own().fetch_add(value, Ordering::Relaxed);
    }

    /// For one caller at a time: two would both add what is missing.
    fn absolute(&self, value: u64) {
        self.increment(value.saturating_sub(self.value()));
    }
}
