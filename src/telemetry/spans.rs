//! The spans of traces: what this process did for requests whose caller records the trace. A queue in memory takes them to the
//! [exporter](super::SpanExporter); when it is full, spans are lost and counted. No caller waits.

use std::time::{Instant, SystemTime};

use metrics::Counter;
use tokio::sync::mpsc;

use crate::trace::TraceParent;

/// What a span is about, in OpenTelemetry's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A request that was served.
    Server,
    /// A request that was sent.
    Client,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u16> for Attribute {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// Attributes by their names in OpenTelemetry's semantic conventions.
pub type Attributes = Vec<(&'static str, Attribute)>;

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct FinishedSpan {
    /// The trace, and the id of this span.
    pub context: TraceParent,
    /// The same trace, and the span of the caller.
    pub parent: TraceParent,
    /// What it is about.
    pub kind: SpanKind,
    /// The name: the method, and the route if there is one.
    pub name: String,
    /// When it began.
    pub started: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What is known of it.
    pub attributes: Attributes,
    /// Whether it failed.
    pub is_error: bool,
}

/// A span that has not ended.
#[derive(Debug)]
pub struct OpenSpan {
    context: TraceParent,
    parent: TraceParent,
    kind: SpanKind,
    started: SystemTime,
    clock: Instant,
}

impl OpenSpan {
    /// The trace, and the id of this span: the `traceparent` of what happens in it.
    pub fn context(&self) -> &TraceParent {
        &self.context
    }
}

/// The queue of spans. Clones share it.
#[derive(Clone, Default)]
pub struct Spans(Option<Queue>);

#[derive(Clone)]
struct Queue {
    sender: mpsc::Sender<FinishedSpan>,
    lost: Counter,
}

impl Spans {
    /// Sends spans to `sender`, and counts in `lost` those for which it has no room. The default takes none.
    pub fn new(sender: mpsc::Sender<FinishedSpan>, lost: Counter) -> Self {
        Self(Some(Queue { sender, lost }))
    }

    /// Whether anything takes them.
    pub fn are_exported(&self) -> bool {
        self.0.is_some()
    }

    /// Opens a span in the trace of `parent`; `None` if the caller does not record it, or spans are not exported.
    #[expect(clippy::disallowed_methods, reason = "a collector compares the times of many hosts")]
    pub fn open(&self, parent: Option<&TraceParent>, kind: SpanKind) -> Option<OpenSpan> {
        self.0.as_ref()?;
        let parent = *parent.filter(|parent| parent.is_sampled())?;
        let context = parent.in_span(rand::random_range(1..=u64::MAX));
        Some(OpenSpan { context, parent, kind, started: SystemTime::now(), clock: Instant::now() })
    }

    /// Ends a span.
    pub fn close(&self, span: OpenSpan, name: String, attributes: Attributes, is_error: bool) {
        let Some(queue) = &self.0 else { return };
        let OpenSpan { context, parent, kind, started, clock } = span;
        let ended = started + clock.elapsed();
        let span = FinishedSpan { context, parent, kind, name, started, ended, attributes, is_error };
        if queue.sender.try_send(span).is_err() {
            queue.lost.increment(1);
        }
    }
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Spans").field(&self.0.is_some()).finish()
    }
}
