//! Logs, metrics, and spans of traces.

pub mod catalog;
mod exposition;
mod histogram;
mod log;
mod log_queue;
mod log_sampler;
mod process;
mod registry;
mod span_encoding;
mod span_exporter;
pub mod spans;
mod striped;

pub use self::exposition::Exposition;
pub use self::histogram::FixedHistogram;
pub use self::log::{LogFilter, LogHandle, log, panic_text};
pub use self::log_queue::LogQueue;
pub use self::log_sampler::LogSampler;
pub use self::process::{disk_space, observe_process};
pub use self::registry::Registry;
pub use self::span_exporter::SpanExporter;
pub use self::striped::StripedCounter;
