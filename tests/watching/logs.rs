//! The log line of a request, its trace, and the trace in webhooks.

use std::time::{Duration, Instant};

use presence_sidecar::telemetry::LogSampler;
use presence_sidecar::trace::TraceParent;
use serde_json::{Value, json};

use super::posting_to;
use crate::support::{Process, Receiver};

/// The `traceparent` of a caller that records it.
pub const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn only_a_valid_traceparent_is_taken() {
    let parse = |text: &str| TraceParent::parse(text.as_bytes());
    assert_eq!(parse(TRACE).unwrap().as_str(), TRACE);
    assert_eq!(parse(TRACE).unwrap().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(parse(TRACE).unwrap().is_sampled() && !parse(&TRACE.replace("-01", "-02")).unwrap().is_sampled());
    assert_eq!(parse(TRACE).unwrap().in_span(0xab).as_str(), TRACE.replace("00f067aa0ba902b7", "00000000000000ab"));
    let later = TRACE.replacen("00-", "01-", 1);
    assert_eq!(parse(&format!("{later}-more")).unwrap().as_str(), later);
    for wrong in [
        "",
        "x",
        &TRACE[..54],
        &format!("{TRACE}-more"),
        &format!("{later}more"),
        &TRACE.replacen("00-", "ff-", 1),
        &TRACE.to_uppercase(),
        &TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        &TRACE.replace("00f067aa0ba902b7", &"0".repeat(16)),
        &TRACE.replace('-', "_"),
        &format!("é{}", &TRACE[2..]),
    ] {
        assert!(parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn repeated_warning_is_written_in_part_and_what_is_left_out_is_counted() {
    let (mut sampler, start) = (LogSampler::default(), Instant::now());
    let admitted = |sampler: &mut LogSampler<&str>, key, lines: usize, seconds: u64| {
        let at = start + Duration::from_secs(seconds);
        (0..lines).filter_map(|_| sampler.admit(key, at)).collect::<Vec<u32>>()
    };
    assert_eq!(admitted(&mut sampler, "one place", 100, 0), vec![0; 30]);
    assert_eq!(admitted(&mut sampler, "another", 2, 0), vec![0; 2], "each place has its own");
    assert_eq!(admitted(&mut sampler, "one place", 5, 59), Vec::<u32>::new());
    let mut next = vec![0; 30];
    next[0] = 75;
    assert_eq!(admitted(&mut sampler, "one place", 31, 60), next, "the first line says how many were left out");
    assert_eq!(admitted(&mut sampler, "another", 1, 300), vec![0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_is_logged_with_route_size_and_trace_and_its_webhook_has_the_trace() {
    let receiver = Receiver::start().await;
    let mut environment = posting_to(&receiver.url);
    environment.push(("PRESENCE_LOG", "presence_sidecar=debug".to_owned()));
    let sidecar = Process::start(&environment);
    let path = "/api/v1/presence/heartbeat";
    let traced = sidecar.client.request(reqwest::Method::POST, path).header("traceparent", TRACE);
    let answer = sidecar.client.send(traced.json(&json!({"user_id": 7}))).await;
    assert_eq!(answer.status, 200);
    let posts = receiver.wait_for(1).await;
    assert_eq!(posts[0].headers["traceparent"], TRACE);
    // Without a trace, neither has one.
    sidecar.client.post(path, json!({"user_id": 8})).await;
    sidecar.client.get("/api/v1/presence/status/7?private=1").await;
    assert!(!receiver.wait_for(2).await[1].headers.contains_key("traceparent"));
    let log = sidecar.log_with("\"path\":\"/api/v1/presence/status/7\"").await;
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let requests: Vec<&Value> = lines.iter().filter(|line| line["message"] == "request completed").collect();
    let first = requests[0];
    assert_eq!((&first["route"], &first["status"], &first["method"]), (&json!(path), &json!(200), &json!("POST")));
    assert_eq!(first["bytes"], answer.text.len());
    assert_eq!(first["trace_id"], TRACE[3..35]);
    assert!(
        first["micros"].as_str().unwrap().parse::<u64>().is_ok()
            && first["request_id"].is_string()
            && first["level"] == "DEBUG"
    );
    assert!(requests[1].get("trace_id").is_none());
    assert_eq!(requests[2]["route"], "/api/v1/presence/status/{user_id}");
    assert!(!log.contains("private"), "the query may hold a token");
}
