//! Parameters and responses of the operations on deliveries.

use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult};
use serde::{Deserialize, Serialize};

use crate::presence::api::{JsonTime, ScopeBody};
use crate::presence::domain::identity::Id;
use crate::presence::domain::{Change, Timestamp};
use crate::queue::JobState;
use crate::webhooks::admin::{DeliveryCursor, DeliveryView};
use crate::{openapi_by_serde, openapi_type};

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Not delivered yet.
    Pending,
    /// In the dead letters.
    Dead,
}

impl From<DeliveryState> for JobState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Dead => Self::Dead,
        }
    }
}

openapi_by_serde!(
    DeliveryState,
    "DeliveryState",
    MetaSchema { enum_items: vec!["pending".into(), "dead".into()], ..MetaSchema::new("string") }
);

impl ParseFromParameter for DeliveryState {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            "pending" => Ok(Self::Pending),
            "dead" => Ok(Self::Dead),
            _ => Err(ParseError::custom("must be pending or dead.")),
        }
    }
}

/// A point in time in a parameter (RFC 3339), in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Since(pub(super) i64);

openapi_type!(
    Since,
    "Since",
    MetaSchema { format: Some("date-time"), example: Some("2026-03-04T05:06:07Z".into()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for Since {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let at = chrono::DateTime::parse_from_rfc3339(text);
        at.map(|at| Self(at.timestamp_millis()))
            .map_err(|_| ParseError::custom("must be a date such as 2026-03-04T05:06:07Z."))
    }
}

openapi_type!(
    DeliveryCursor,
    "DeliveryCursor",
    MetaSchema { pattern: Some("^[0-9]{1,15}[.][0-9a-f-]{1,36}@.+$".to_owned()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for DeliveryCursor {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

/// A delivery.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Delivery")]
pub struct DeliveryResponse {
    /// The delivery's id, to replay it by: the id in the webhook's body, `@`, the endpoint's name.
    id: String,
    /// The endpoint's name.
    endpoint: String,
    /// `pending` or `dead`.
    state: DeliveryState,
    /// The event: `online`, `away`, `offline` or `heartbeat`; null if the delivery cannot be decoded.
    event: Option<String>,
    /// The user's id, with its type kept.
    user_id: Option<Id>,
    /// The scope.
    scope: Option<ScopeBody>,
    /// The user's hybrid clock.
    seq: Option<u64>,
    /// The time at which the delivery was queued.
    queued_at: JsonTime,
    /// The time of the next attempt; null for a dead letter, and for a delivery that waits for another of the same user.
    next_try_at: Option<JsonTime>,
    /// The number of attempts.
    tries: u32,
    /// The result of the last attempt.
    last: Option<String>,
}

impl DeliveryResponse {
    pub(super) fn new(DeliveryView { endpoint, job }: DeliveryView, state: DeliveryState) -> Self {
        let change: Option<Change> = serde_json::from_slice(&job.payload).ok();
        let time = |millis: i64| JsonTime::from(Timestamp::from_micros(millis.saturating_mul(1_000)));
        Self {
            id: format!("{}@{endpoint}", job.id),
            endpoint,
            state,
            event: change.as_ref().map(|change| change.event().as_str().to_owned()),
            seq: change.as_ref().map(|change| change.seq),
            scope: change.as_ref().map(|change| change.scope.clone().into()),
            user_id: change.map(|change| change.user_id),
            queued_at: time(job.pushed_at),
            next_try_at: job.next_at.map(time),
            tries: job.attempts.count,
            last: Some(job.attempts.last).filter(|last| !last.is_empty()),
        }
    }
}

/// A page of deliveries.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Deliveries")]
pub struct DeliveriesResponse {
    /// The deliveries, oldest first within each endpoint.
    pub(super) data: Vec<DeliveryResponse>,
    /// The cursor of the next page; null on the last page.
    pub(super) next_cursor: Option<String>,
}

/// The number of deliveries that were queued again.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Replayed")]
pub struct ReplayResponse {
    /// The number.
    pub(super) replayed: usize,
}
