//! The queue between the program and the output of its log.
//!
//! Callers put lines into a bounded queue, and a thread writes them. A caller therefore never waits for the output and
//! never gets its errors: a line that does not fit into the queue, or that cannot be written, is dropped and counted. The
//! output may be a pipe that no process reads, a file on a full disk, or closed.

use std::collections::VecDeque;
use std::io;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use metrics::Counter;

/// The largest size of all queued lines, in bytes.
const CAPACITY: usize = 1024 * 1024;
/// The pause before a write is repeated that would block: the output may be a non-blocking descriptor.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A bounded queue of lines, and the number of lines that were lost. Clones share the queue.
#[derive(Clone, Default)]
pub struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    filled: Condvar,
    drained: Condvar,
    lost: AtomicU64,
    counter: OnceLock<Counter>,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
}

impl LogQueue {
    /// Adds a line. Drops and counts it if the queue is full. Returns at once.
    pub fn push(&self, line: &[u8]) {
        let mut lines = self.0.lock();
        if lines.bytes + line.len() > CAPACITY {
            drop(lines);
            self.0.count_lost();
            return;
        }
        lines.bytes += line.len();
        lines.waiting.push_back(line.to_vec());
        drop(lines);
        self.0.filled.notify_one();
    }

    /// The number of lines that were lost.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Counts lost lines in `counter` as well, those that are lost already included. Only the first counter is used.
    pub fn count_in(&self, counter: Counter) {
        counter.increment(self.lost());
        _ = self.0.counter.set(counter);
    }

    /// Waits until all lines are written, at most `timeout`.
    pub fn flush(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        let mut lines = self.0.lock();
        while lines.is_writing || !lines.waiting.is_empty() {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return };
            (lines, _) = self.0.drained.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Starts the thread that writes the lines to `output`. It ends with the process.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn start(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let shared = self.0.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_lines(output)).map(drop)
    }
}

impl Write for LogQueue {
    /// Queues `line` as a whole; never fails.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        if let Some(counter) = self.counter.get() {
            counter.increment(1);
        }
    }

    fn write_lines(&self, mut output: impl Write) {
        let mut is_torn = false;
        loop {
            let line = self.take();
            let start = if is_torn { &b"\n"[..] } else { &[] };
            let whole = [start, &line].concat();
            match write_all(&mut output, &whole) {
                Ok(()) => is_torn = false,
                Err(written) => {
                    is_torn = if written == 0 { is_torn } else { written < whole.len() };
                    self.count_lost();
                }
            }
        }
    }

    /// Waits for the next line.
    fn take(&self) -> Vec<u8> {
        let mut lines = self.lock();
        lines.is_writing = false;
        loop {
            if let Some(line) = lines.waiting.pop_front() {
                lines.bytes -= line.len();
                lines.is_writing = true;
                return line;
            }
            self.drained.notify_all();
            lines = self.filled.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Writes `bytes`. The error is the number of bytes that were written before the output failed.
fn write_all(output: &mut impl Write, bytes: &[u8]) -> Result<(), usize> {
    let mut written = 0;
    while written < bytes.len() {
        match output.write(&bytes[written..]) {
            Ok(0) => return Err(written),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pause(),
            Err(_) => return Err(written),
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the thread of the log answers no request")]
fn pause() {
    std::thread::sleep(RETRY_PAUSE);
}
