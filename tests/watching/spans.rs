//! Spans of requests and of webhooks, as a collector gets them.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::logs::TRACE;
use super::posting_to;
use crate::support::{Post, Process, Reaction, Receiver, begin_heartbeat, send_signal};

const HEARTBEAT: &str = "/api/v1/presence/heartbeat";
const CALLER: &str = "00f067aa0ba902b7";

/// A sidecar that posts webhooks and exports spans.
fn exporting(webhooks: &Receiver, collector: &Receiver) -> Process {
    exporting_with(webhooks, collector, &[])
}

fn exporting_with(webhooks: &Receiver, collector: &Receiver, more: &[(&'static str, String)]) -> Process {
    let mut environment = posting_to(&webhooks.url);
    environment.extend_from_slice(more);
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone()));
    environment.push(("OTEL_SERVICE_NAME", "shop".to_owned()));
    Process::start(&environment)
}

async fn heartbeat(sidecar: &Process, user: u32, trace: &str) {
    let request = sidecar.client.request(Method::POST, HEARTBEAT).header("traceparent", trace);
    assert_eq!(sidecar.client.send(request.json(&json!({"user_id": user}))).await.status, 200);
}

/// The value of an attribute, as text.
fn text_of(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{name} is {other:?}"),
    }
}

/// The spans that the collector has accepted.
fn spans(posts: &[Post]) -> Vec<Span> {
    let accepted = posts.iter().filter(|post| post.taken);
    let requests = accepted.map(|post| ExportTraceServiceRequest::decode(post.body.as_slice()).unwrap());
    requests
        .flat_map(|request| request.resource_spans)
        .flat_map(|of_service| {
            assert_eq!(text_of(&of_service.resource.unwrap().attributes, "service.name"), "shop");
            of_service.scope_spans
        })
        .flat_map(|of_scope| of_scope.spans)
        .collect()
}

async fn wait_for_spans(collector: &Receiver, count: usize) -> Vec<Span> {
    for posts in 1.. {
        let spans = spans(&collector.wait_for(posts).await);
        if spans.len() >= count {
            return spans;
        }
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread")]
async fn request_and_webhook_are_spans_of_the_callers_trace() {
    let (webhooks, collector) = (Receiver::start().await, Receiver::start().await);
    let sidecar = exporting(&webhooks, &collector);
    heartbeat(&sidecar, 7, TRACE).await;
    let spans = wait_for_spans(&collector, 2).await;
    let posts = collector.posts();
    assert!(posts[0].target.ends_with("/hooks/presence/v1/traces"), "{}", posts[0].target);
    assert_eq!(posts[0].headers["content-type"], "application/x-protobuf");
    let [served, sent] = [2, 3].map(|kind| spans.iter().find(|span| span.kind == kind).unwrap());
    assert!(spans.iter().all(|span| hex::encode(&span.trace_id) == TRACE[3..35]));
    assert_eq!(hex::encode(&served.parent_span_id), CALLER);
    assert_eq!(served.name, format!("POST {HEARTBEAT}"));
    assert_eq!(text_of(&served.attributes, "http.route"), HEARTBEAT);
    assert_eq!(text_of(&served.attributes, "http.response.status_code"), "200");
    assert!(served.start_time_unix_nano > 0 && served.end_time_unix_nano >= served.start_time_unix_nano);
    assert_eq!(sent.parent_span_id, served.span_id, "the webhook belongs to the request that caused it");
    assert_eq!(text_of(&sent.attributes, "presence.webhook.endpoint"), "default");
    let header = &webhooks.posts()[0].headers["traceparent"];
    assert_eq!(header[36..52], hex::encode(&sent.span_id), "the app's spans belong to the webhook");
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_that_is_not_recorded_has_no_spans() {
    let (webhooks, collector) = (Receiver::start().await, Receiver::start().await);
    let sidecar = exporting(&webhooks, &collector);
    let unrecorded = TRACE.replace("-01", "-00");
    heartbeat(&sidecar, 7, &unrecorded).await;
    assert_eq!(webhooks.wait_for(1).await[0].headers["traceparent"], unrecorded);
    heartbeat(&sidecar, 8, TRACE).await;
    let spans = wait_for_spans(&collector, 2).await;
    assert_eq!(spans.len(), 2, "those of the second user alone: {spans:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_busy_is_asked_again_and_the_last_spans_are_sent_at_the_stop() {
    let webhooks = Receiver::start().await;
    let collector = Receiver::reacting(|number| Reaction::Answer(if number == 0 { 503 } else { 200 }, "")).await;
    let mut sidecar = exporting(&webhooks, &collector);
    heartbeat(&sidecar, 7, TRACE).await;
    webhooks.wait_for(1).await;
    assert!(tokio::task::block_in_place(|| sidecar.terminate()).success(), "{}", sidecar.log());
    let spans = wait_for_spans(&collector, 2).await;
    assert_eq!((collector.posts().len(), spans.len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_collector_heartbeats_and_webhooks_go_on_and_lost_spans_are_counted() {
    let (webhooks, collector) = (Receiver::start().await, Receiver::reacting(|_| Reaction::Answer(400, "")).await);
    let sidecar = exporting(&webhooks, &collector);
    heartbeat(&sidecar, 7, TRACE).await;
    webhooks.wait_for(1).await;
    collector.wait_for(1).await;
    let log = sidecar.log_with("spans are lost").await;
    assert!(log.contains("HTTP 400"), "{log}");
    let metrics = sidecar.client.get("/metrics").await.text;
    assert!(metrics.contains("presence_sidecar_spans_total{outcome=\"lost\"}"), "{metrics}");
}

/// Sends a heartbeat whose body comes after `meanwhile` has ended; returns the response.
async fn slow_heartbeat(url: &str, meanwhile: impl Future<Output = ()>) -> Vec<u8> {
    let body = json!({"user_id": 9}).to_string();
    let headers = format!("traceparent: {TRACE}\r\n");
    let mut stream = begin_heartbeat(url.trim_start_matches("http://"), &headers, body.len()).await;
    meanwhile.await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn span_of_a_request_that_ends_after_the_signal_is_exported() {
    let (webhooks, collector) = (Receiver::start().await, Receiver::start().await);
    let mut sidecar = exporting(&webhooks, &collector);
    let signalled = async {
        send_signal("TERM", sidecar.id());
        sidecar.log_with("stopping").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let response = slow_heartbeat(&sidecar.url, signalled).await;
    assert!(String::from_utf8_lossy(&response).contains(" 200 OK"), "{}", String::from_utf8_lossy(&response));
    assert!(tokio::task::block_in_place(|| sidecar.wait()).success(), "{}", sidecar.log());
    let served = spans(&collector.posts()).into_iter().filter(|span| span.kind == 2).count();
    assert_eq!(served, 1, "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_hangs_holds_up_no_stop() {
    let webhooks = Receiver::start().await;
    let collector = Receiver::reacting(|_| Reaction::Late(Duration::from_secs(60))).await;
    let mut sidecar =
        exporting_with(&webhooks, &collector, &[("PRESENCE__SERVER__SHUTDOWN_TIMEOUT_SECONDS", "2".to_owned())]);
    // More than one request to the collector takes.
    for _ in 0..600 {
        heartbeat(&sidecar, 7, TRACE).await;
    }
    assert!(tokio::task::block_in_place(|| sidecar.terminate()).success(), "{}", sidecar.log());
    let log = sidecar.log();
    assert!(log.contains("and the sidecar stops") && !log.contains("aborting"), "{log}");
}
