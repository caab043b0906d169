//! The request of a delivery: exactly the bytes that are signed. Pure.

use chrono_tz::Tz;
use secrecy::ExposeSecret;
use serde::Serialize;
use uuid::Uuid;

use super::signature;
use crate::config::EndpointConfig;
use crate::php::{Array, Value, date};
use crate::presence::domain::identity::{Parts, UserId};
use crate::presence::domain::{Cause, Change, Event};
use crate::trace::TraceParent;

/// A signed request, ready to be sent.
#[derive(Clone)]
pub struct SignedRequest {
    /// The body's `id`.
    pub id: String,
    /// Names and values of the headers; the values may be secrets.
    pub headers: Vec<(String, String)>,
    /// The body, JSON.
    pub body: Vec<u8>,
}

impl SignedRequest {
    /// Adds the trace that the change belongs to, unless the endpoint has a header of that name.
    #[must_use]
    pub fn with_trace(mut self, trace: Option<&TraceParent>) -> Self {
        let is_free = !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(TraceParent::HEADER));
        if let Some(trace) = trace.filter(|_| is_free) {
            self.headers.push((TraceParent::HEADER.to_owned(), trace.as_str().to_owned()));
        }
        self
    }
}

impl std::fmt::Debug for SignedRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter.debug_struct("SignedRequest").field("id", &self.id).field("headers", &headers).finish_non_exhaustive()
    }
}

/// The body for `change`: the PHP package's three members, then the sidecar's.
///
/// `occurred_at` is in `zone`, in whole seconds, as PHP's `toIso8601String()` returns it. `meta.status` is added unless the
/// meta has one.
pub fn body(change: &Change, id: &Uuid, zone: Tz) -> Vec<u8> {
    body_with(change, id, zone, with_status(change))
}

/// The same body for public channels: its meta has the status alone, and so no address and no user agent.
pub fn public_body(change: &Change, id: &Uuid, zone: Tz) -> Vec<u8> {
    let mut meta = Array::default();
    meta.insert("status", Value::from(change.status.as_str()));
    body_with(change, id, zone, Value::Array(meta))
}

fn body_with(change: &Change, id: &Uuid, zone: Tz, meta: Value) -> Vec<u8> {
    let body = Body {
        user_id: &change.user_id,
        occurred_at: date::iso8601(change.occurred_at.micros(), zone),
        meta,
        id: id.to_string(),
        event: change.event().as_str(),
        status: change.status.as_str(),
        seq: change.seq,
        cause: change.cause.map(Cause::as_str),
        scope: change.scope.parts(),
    };
    serde_json::to_vec(&body).unwrap_or_else(|error| unreachable!("the keys are strings: {error}"))
}

/// The body of a ping, which only tests whether the endpoint accepts requests.
pub fn ping(id: &Uuid, at: &str) -> Vec<u8> {
    serde_json::json!({"id": id.to_string(), "event": "ping", "occurred_at": at}).to_string().into_bytes()
}

/// Signs `body` for `endpoint` at `time`, in seconds since 1970.
pub fn sign(endpoint: &EndpointConfig, id: &str, body: Vec<u8>, time: i64) -> SignedRequest {
    let secret = endpoint.secret.as_written().expose_secret();
    let secrets = std::iter::once(&endpoint.secret).chain(&endpoint.previous_secrets);
    let standard: Vec<_> = secrets.map(|secret| signature::standard(secret.standard_key(), id, time, &body)).collect();
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        (endpoint.signature_header.clone(), signature::header(endpoint.algo, secret.as_bytes(), time, &body)),
        ("webhook-id".to_owned(), id.to_owned()),
        ("webhook-timestamp".to_owned(), time.to_string()),
        ("webhook-signature".to_owned(), standard.join(" ")),
    ];
    headers.extend(endpoint.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())));
    SignedRequest { id: id.to_owned(), headers, body }
}

/// Whether `endpoint` subscribes to `event`.
pub fn wants(endpoint: &EndpointConfig, event: Event) -> bool {
    let on = &endpoint.send_on;
    match event {
        Event::Online => on.online,
        Event::Away => on.away,
        Event::Offline => on.offline,
        Event::Heartbeat => on.heartbeat,
    }
}

#[derive(Serialize)]
struct Body<'a> {
    user_id: &'a UserId,
    occurred_at: String,
    meta: Value,
    id: String,
    event: &'static str,
    status: &'static str,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    scope: Parts<'a>,
}

fn with_status(change: &Change) -> Value {
    let mut meta = change.meta.value();
    if let Value::Array(entries) = &mut meta
        && entries.get("status").is_none()
    {
        entries.insert("status", Value::from(change.status.as_str()));
    }
    meta
}
