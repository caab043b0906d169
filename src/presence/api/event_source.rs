//! What a browser's `EventSource` needs: it gives up for good at any answer but 200, so an error is a stream with one event
//! that says so, and with a `retry:` after which the browser comes back by itself.

use std::time::Duration;

use bytes::Bytes;
use poem::Request;
use poem::error::ResponseError;
use poem::http::header;
use serde_json::json;

use crate::http::ApiError;
use crate::http::accept::accepts;
use crate::http::auth::StreamAuth;

/// Shortest and longest time after which streams come back that a stopping sidecar has ended, spread by chance.
const AFTER_SHUTDOWN: (u64, u64) = (200, 3_000);
/// The same for streams for which there is no place.
const AFTER_REFUSAL: (u64, u64) = (5_000, 60_000);
/// The same for streams that were closed to make room.
const AFTER_LOAD: (u64, u64) = (1_000, 60_000);

/// Whether the request is one of an `EventSource`: it has a token in its query, and accepts events.
pub(super) fn is_of(request: &Request, auth: &StreamAuth) -> bool {
    matches!(auth, StreamAuth::Query) && accepts(request.headers(), &header::ACCEPT, "text/event-stream")
}

/// The event of an error, in place of its status.
pub(super) fn refused(error: &ApiError) -> Bytes {
    let (reason, pause) = match error {
        ApiError::Unauthenticated | ApiError::Unauthorized { .. } => ("token", Duration::from_secs(5)),
        ApiError::Forbidden(_) => ("forbidden", Duration::from_secs(60)),
        ApiError::CursorExpired { .. } => ("cursor", Duration::from_secs(1)),
        ApiError::TooMany(_) => ("too_many", between(AFTER_REFUSAL)),
        ApiError::Unavailable(_) => ("unavailable", between((1_000, 5_000))),
        _ => ("invalid", Duration::from_secs(60)),
    };
    let retry = pause.as_millis();
    let status = error.status().as_u16();
    let data = json!({"status": status, "reason": reason, "message": error.to_string(), "retry": retry});
    // An empty id has the browser forget its cursor, which would be refused again.
    let forget = if reason == "cursor" { "id:\n" } else { "" };
    format!("retry: {retry}\n{forget}event: refused\ndata: {data}\n\n").into()
}

/// The last event of a stream that ends because the sidecar stops, or else to make room.
pub(super) fn closing(is_stopping: bool) -> Bytes {
    let (reason, pause) = if is_stopping { ("shutdown", AFTER_SHUTDOWN) } else { ("load", AFTER_LOAD) };
    let retry = between(pause).as_millis();
    let data = json!({"reason": reason, "retry": retry});
    format!("retry: {retry}\nevent: closing\ndata: {data}\n\n").into()
}

fn between((least, most): (u64, u64)) -> Duration {
    Duration::from_millis(rand::random_range(least..=most))
}
