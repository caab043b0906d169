//! One attempt of a delivery: prepare, sign, send, and an immediate second request where it may help.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use uuid::Uuid;

use crate::presence::domain::Change;
use crate::presence::service::clock::Clock;
use crate::queue::Job;
use crate::telemetry::spans::{Attribute, OpenSpan, SpanKind, Spans};
use crate::webhooks::Metrics;
use crate::webhooks::client::WebhookClient;
use crate::webhooks::domain::payload;
use crate::webhooks::domain::retry::AttemptResult;

/// Pause between two requests of one attempt, as in the PHP package.
const REQUEST_PAUSE: Duration = Duration::from_millis(250);

/// A delivery that was attempted.
pub(super) struct Attempt {
    /// The job.
    pub(super) job: Job,
    /// The result of the last request; `None` for a job that cannot be decoded.
    pub(super) result: Option<AttemptResult>,
    /// Whether it probed an open circuit.
    pub(super) is_probe: bool,
}

/// What an attempt needs.
#[derive(Clone)]
pub(super) struct Attempter {
    /// The current client of the endpoint, which a reload replaces.
    pub(super) client: Arc<ArcSwap<WebhookClient>>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Arc<Clock>,
    pub(super) zone: Tz,
    pub(super) installation: Uuid,
    pub(super) spans: Spans,
}

impl Attempter {
    /// The maximum duration of an attempt with `tries` requests.
    pub(super) fn max_duration(&self, tries: u32) -> Duration {
        (self.client.load().endpoint().timeout + REQUEST_PAUSE) * tries
    }

    /// Sends a job with up to `tries` requests. Each is signed anew, since receivers reject old timestamps.
    pub(super) async fn attempt(self, job: Job, tries: u32, is_probe: bool) -> Attempt {
        let Some((change, id, body)) = self.prepare(&job) else { return Attempt { job, result: None, is_probe } };
        let client = self.client.load_full();
        let mut number = 1;
        loop {
            let now = self.clock.now().micros().div_euclid(1_000_000);
            let started = Instant::now();
            let span = self.spans.open(change.trace.as_deref(), SpanKind::Client);
            let trace = span.as_ref().map(OpenSpan::context).or(change.trace.as_deref());
            let request = payload::sign(client.endpoint(), &id, body.clone(), now).with_trace(trace);
            let result = client.send(&request).await;
            self.close_span(span, &client, &result);
            self.metrics.record_attempt(result.outcome(), started.elapsed().as_secs_f64());
            if number == tries || !result.is_retryable() {
                return Attempt { job, result: Some(result), is_probe };
            }
            number += 1;
            tokio::time::sleep(REQUEST_PAUSE).await;
        }
    }

    fn close_span(&self, span: Option<OpenSpan>, client: &WebhookClient, result: &AttemptResult) {
        let Some(span) = span else { return };
        let mut attributes = vec![
            ("http.request.method", Attribute::from("POST")),
            ("presence.webhook.endpoint", Attribute::from(client.endpoint().name.as_str())),
        ];
        match result {
            AttemptResult::Status { status, .. } => {
                attributes.push(("http.response.status_code", Attribute::from(*status)));
            }
            AttemptResult::Failed(_) | AttemptResult::Refused(_) => {
                attributes.push(("error.type", Attribute::from(result.outcome().as_str())));
            }
        }
        let is_error = !matches!(result, AttemptResult::Status { status: 200..=299, .. });
        self.spans.close(span, "POST".to_owned(), attributes, is_error);
    }

    /// A job's change, and id and body of its requests; `None` if the job cannot be decoded.
    fn prepare(&self, job: &Job) -> Option<(Change, String, Vec<u8>)> {
        let change = Change::decode(&job.payload, &self.installation).ok()?;
        let (id, body) = (change.id.to_string(), payload::body(&change, &change.id, self.zone));
        Some((change, id, body))
    }
}
