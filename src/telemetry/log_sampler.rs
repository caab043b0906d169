//! Sampling of warnings: of those that one place of the program repeats, the first ones of each minute are written, and
//! the others are counted. An outage then costs some lines, not gigabytes. Errors are never left out.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use tracing::callsite::Identifier;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::log_queue::LogQueue;
use crate::config::LogFormat;

/// The time after which lines are written again.
const WINDOW: Duration = Duration::from_secs(60);

/// Lines of one place that are written in each window.
const LINES: u32 = 30;

/// Decides which repeated lines are written.
#[derive(Debug)]
pub struct LogSampler<K>(HashMap<K, Repeats>);

#[derive(Debug)]
struct Repeats {
    began: Instant,
    lines: u32,
}

impl<K> Default for LogSampler<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> LogSampler<K> {
    /// Whether a line of the place `key` is written at `now`: if so, with the number of lines that were left out since the
    /// last one.
    pub fn admit(&mut self, key: K, now: Instant) -> Option<u32> {
        let repeats = self.0.entry(key).or_insert(Repeats { began: now, lines: 0 });
        let mut left_out = 0;
        if now.duration_since(repeats.began) >= WINDOW {
            left_out = repeats.lines.saturating_sub(LINES);
            *repeats = Repeats { began: now, lines: 0 };
        }
        repeats.lines = repeats.lines.saturating_add(1);
        (repeats.lines <= LINES).then_some(left_out)
    }
}

/// Writes lines into the queue, those of repeated warnings in part.
#[derive(Clone)]
pub(super) struct SampledLog {
    queue: LogQueue,
    format: LogFormat,
    sampler: Arc<Mutex<LogSampler<Identifier>>>,
}

/// The queue, or nothing for a line that is left out.
pub(super) struct SampledWriter(Option<LogQueue>);

impl SampledLog {
    pub(super) fn new(queue: LogQueue, format: LogFormat) -> Self {
        Self { queue, format, sampler: Arc::default() }
    }

    /// Writes that lines of a place were left out.
    fn report(&self, left_out: u32, target: &str) {
        let at = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let message = "repeated warnings were left out; the next line is one of them";
        self.queue.push(
            match self.format {
                LogFormat::Text => format!("{at}  WARN {message} left_out={left_out}\n"),
                LogFormat::Json => {
                    let (level, target) = ("WARN", target);
                    format!(
                        "{}\n",
                        serde_json::json!({
                            "timestamp": at, "level": level, "message": message, "left_out": left_out, "target": target,
                        })
                    )
                }
            }
            .as_bytes(),
        );
    }
}

impl<'a> MakeWriter<'a> for SampledLog {
    type Writer = SampledWriter;

    fn make_writer(&'a self) -> SampledWriter {
        SampledWriter(Some(self.queue.clone()))
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> SampledWriter {
        if *metadata.level() != Level::WARN {
            return self.make_writer();
        }
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = sampler.admit(metadata.callsite(), Instant::now());
        drop(sampler);
        if let Some(left_out) = admitted.filter(|left_out| *left_out > 0) {
            self.report(left_out, metadata.target());
        }
        SampledWriter(admitted.map(|_| self.queue.clone()))
    }
}

impl Write for SampledWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(queue) => queue.write(line),
            None => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
