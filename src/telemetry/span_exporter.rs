//! Posts spans to a collector, as OTLP over HTTP describes it (https://opentelemetry.io/docs/specs/otlp/#otlphttp).

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use metrics::Counter;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::spans::{FinishedSpan, Spans};
use super::{Registry, catalog, span_encoding};
use crate::config::OtlpConfig;

/// Spans that wait at most.
const CAPACITY: usize = 4096;
/// Spans of a request.
const BATCH: usize = 512;
/// How long a span waits for others.
const INTERVAL: Duration = Duration::from_secs(2);
/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests for one batch.
const TRIES: u32 = 3;
/// How long requests may still take in all once the sidecar stops.
const LAST_TIME: Duration = Duration::from_secs(1);

/// Takes spans from the queue to the collector. Clones share both.
#[derive(Clone)]
pub struct SpanExporter {
    spans: Arc<Mutex<mpsc::Receiver<FinishedSpan>>>,
    client: Client,
    url: Url,
    service_name: String,
    exported: Counter,
    lost: Counter,
}

impl SpanExporter {
    /// The queue of spans, and its exporter; nothing of it if no collector is configured, or the program is built without the
    /// feature `otlp`.
    ///
    /// # Errors
    /// TLS cannot be initialized: the system has no certificates.
    pub fn build(config: &OtlpConfig, registry: &Registry) -> reqwest::Result<Option<(Spans, Self)>> {
        let Some(url) = config.traces.clone().filter(|_| cfg!(feature = "otlp")) else { return Ok(None) };
        let builder = match url.scheme() {
            // A slim image may have no certificates, and needs none.
            "http" => Client::builder().tls_certs_only([]),
            _ => Client::builder(),
        };
        let client = builder.timeout(TIMEOUT).build()?;
        let [exported, lost] = ["exported", "lost"].map(|outcome| registry.counter(&catalog::SPANS, &[outcome]));
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let spans = Spans::new(sender, lost.clone());
        let (receiver, service_name) = (Arc::new(Mutex::new(receiver)), config.service_name.clone());
        Ok(Some((spans, Self { spans: receiver, client, url, service_name, exported, lost })))
    }

    /// Exports until the last [`Spans`] is dropped, which happens when requests and workers have ended. After `stop`, batches
    /// are sent without waiting to fill, and are lost once the collector has taken a second in all.
    pub async fn run(self, stop: CancellationToken) {
        let mut spans = self.spans.lock().await;
        let (mut batch, mut last) = (Vec::with_capacity(BATCH), LAST_TIME);
        while spans.recv_many(&mut batch, BATCH).await > 0 {
            let complete = async { while batch.len() < BATCH && spans.recv_many(&mut batch, BATCH).await > 0 {} };
            _ = stop.run_until_cancelled(tokio::time::timeout(INTERVAL, complete)).await;
            let started = Instant::now();
            self.export(&mut batch, stop.cancelled().then(|()| tokio::time::sleep(last))).await;
            if stop.is_cancelled() {
                last = last.saturating_sub(started.elapsed());
            }
        }
    }

    /// Exports a batch, unless `timed_out` ends before.
    async fn export(&self, batch: &mut Vec<FinishedSpan>, timed_out: impl Future<Output = ()>) {
        let number = u64::try_from(batch.len()).unwrap_or_default();
        let body = span_encoding::encode(&self.service_name, batch.drain(..));
        let posted = tokio::select! {
            biased;
            () = timed_out => Err("no response, and the sidecar stops".to_owned()),
            posted = self.post(body) => posted,
        };
        match posted {
            Ok(()) => self.exported.increment(number),
            Err(error) => {
                self.lost.increment(number);
                tracing::warn!(spans = number, error, "spans are lost: the collector does not take them");
            }
        }
    }

    /// Posts a batch, again if the collector may take it later.
    async fn post(&self, body: Vec<u8>) -> Result<(), String> {
        let body = bytes::Bytes::from(body);
        let mut number = 1;
        loop {
            let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf");
            let error = match request.body(body.clone()).send().await.map(|response| response.status()) {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status) if !is_temporary(status) => return Err(format!("HTTP {}", status.as_u16())),
                Ok(status) => format!("HTTP {}", status.as_u16()),
                Err(error) => error.without_url().to_string(),
            };
            if number == TRIES {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(200) * number).await;
            number += 1;
        }
    }
}

/// The statuses after which the specification has a client try again.
fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}
