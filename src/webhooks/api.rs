//! Deliveries over HTTP.

use std::sync::Arc;

use poem_openapi::param::{Path, Query};
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult};
use poem_openapi::{Object, OpenApi, Tags};
use serde::{Deserialize, Serialize};

use super::admin::{DeliveryAdmin, DeliveryCursor, DeliveryView};
use crate::http::auth::ServiceAuth;
use crate::http::error::ResourceErrors;
use crate::http::{ApiError, Documented, Json, PageSize};
use crate::presence::api::{JsonTime, ScopeBody};
use crate::presence::domain::identity::Id;
use crate::presence::domain::{Change, Timestamp};
use crate::queue::JobState;
use crate::{openapi_by_serde, openapi_type};

/// BatchReceiver of operations in the document.
#[derive(Tags)]
pub enum Tag {
    /// Transitions on their way to the application.
    Webhooks,
}

/// The operations on deliveries.
pub struct Api {
    webhooks: Arc<DeliveryAdmin>,
}

/// Which deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Those that are still to be made.
    Pending,
    /// Those that were given up: the dead letters.
    Dead,
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

openapi_type!(
    Since,
    "Since",
    MetaSchema { format: Some("date-time"), example: Some("2026-03-04T05:06:07Z".into()), ..MetaSchema::new("string") }
);

/// A delivery.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Delivery")]
pub struct DeliveryResponse {
    /// Its name, to replay it by: the id in the post's body, `@`, the endpoint.
    id: String,
    /// Where to.
    endpoint: String,
    /// Whether it is still to be made.
    state: DeliveryState,
    /// What is posted: `online`, `away`, `offline` or `heartbeat`; null if it cannot be read.
    event: Option<String>,
    /// The user's id, its type kept.
    user_id: Option<Id>,
    /// Where.
    scope: Option<ScopeBody>,
    /// The user's own clock.
    seq: Option<u64>,
    /// When it was queued.
    queued_at: JsonTime,
    /// When it is tried next; null for a dead letter, and for one that waits behind another of the same user.
    next_try_at: Option<JsonTime>,
    /// How often it was tried.
    tries: u32,
    /// What the last try led to.
    last: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Deliveries")]
pub struct DeliveriesResponse {
    /// Deliveries, oldest first within each endpoint.
    data: Vec<DeliveryResponse>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// How many deliveries were queued again.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Replayed")]
pub struct ReplayResponse {
    /// So many.
    replayed: usize,
}

/// A point in time in a parameter (RFC 3339), in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub struct Since(i64);

impl ParseFromParameter for Since {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let at = chrono::DateTime::parse_from_rfc3339(text);
        at.map(|at| Self(at.timestamp_millis()))
            .map_err(|_| ParseError::custom("must be a date such as 2026-03-04T05:06:07Z."))
    }
}

impl ParseFromParameter for DeliveryCursor {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

openapi_type!(
    DeliveryCursor,
    "DeliveryCursor",
    MetaSchema { pattern: Some("^[0-9]{1,15}[.][0-9a-f-]{1,36}@.+$".to_owned()), ..MetaSchema::new("string") }
);

type Answer<T, S> = Result<T, Documented<S>>;

impl Api {
    /// The operations on the deliveries of `webhooks`.
    pub fn new(webhooks: Arc<DeliveryAdmin>) -> Self {
        Self { webhooks }
    }

    fn known<'a>(&self, endpoint: Option<&'a str>) -> Result<Option<&'a str>, ApiError> {
        match endpoint {
            Some(name) if !self.webhooks.knows(name) => Err(ApiError::NotFound("There is no such endpoint.")),
            endpoint => Ok(endpoint),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/webhooks/deliveries", tag = "Tag::Webhooks")]
impl Api {
    /// Deliveries under way, or given up
    ///
    /// Without what they carry beside the user.
    #[oai(path = "/", method = "get", operation_id = "deliveries")]
    async fn list(
        &self,
        _auth: ServiceAuth,
        /// `pending` if left out.
        state: Query<Option<DeliveryState>>,
        /// Only those to this endpoint.
        endpoint: Query<Option<String>>,
        /// Most deliveries on a page, 1 to 1,000; 100 if left out.
        limit: Query<Option<PageSize>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<DeliveryCursor>>,
    ) -> Answer<Json<DeliveriesResponse>, ResourceErrors> {
        let state = state.0.unwrap_or(DeliveryState::Pending);
        let endpoint = self.known(endpoint.0.as_deref())?;
        let limit = limit.0.unwrap_or_default().0;
        let (found, next) = self.webhooks.list(state.into(), endpoint, cursor.0, limit).await?;
        let data = found.into_iter().map(|delivery| DeliveryResponse::new(delivery, state)).collect();
        Ok(Json(DeliveriesResponse { data, next_cursor: next.map(|next| next.to_string()) }))
    }

    /// Make a delivery again that was given up
    #[oai(path = "/:id/replay", method = "post", operation_id = "replay_delivery")]
    async fn replay(
        &self,
        _auth: ServiceAuth,
        /// The delivery's id.
        id: Path<String>,
    ) -> Answer<Json<ReplayResponse>, ResourceErrors> {
        let none = ApiError::NotFound("There is no such dead letter.");
        let (id, endpoint) = id.0.rsplit_once('@').filter(|(_, name)| self.webhooks.knows(name)).ok_or(none.clone())?;
        match self.webhooks.replay(endpoint, id).await? {
            true => Ok(Json(ReplayResponse { replayed: 1 })),
            false => Err(none.into()),
        }
    }

    /// Make all deliveries again that were given up
    #[oai(path = "/replay", method = "post", operation_id = "replay_deliveries")]
    async fn replay_all(
        &self,
        _auth: ServiceAuth,
        /// Only those that were queued at this time or later.
        since: Query<Option<Since>>,
        /// Only those to this endpoint.
        endpoint: Query<Option<String>>,
    ) -> Answer<Json<ReplayResponse>, ResourceErrors> {
        let since = since.0.map_or(0, |since| since.0);
        let replayed = self.webhooks.replay_since(self.known(endpoint.0.as_deref())?, since).await?;
        Ok(Json(ReplayResponse { replayed }))
    }
}

impl From<DeliveryState> for JobState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Dead => Self::Dead,
        }
    }
}

impl DeliveryResponse {
    fn new(DeliveryView { endpoint, job }: DeliveryView, state: DeliveryState) -> Self {
        let change: Option<Change> = serde_json::from_slice(&job.payload).ok();
        let moment = |millis: i64| JsonTime::from(Timestamp::from_micros(millis.saturating_mul(1_000)));
        Self {
            id: format!("{}@{endpoint}", job.id),
            endpoint,
            state,
            event: change.as_ref().map(|change| change.event().as_str().to_owned()),
            seq: change.as_ref().map(|change| change.seq),
            scope: change.as_ref().map(|change| change.scope.clone().into()),
            user_id: change.map(|change| change.user_id),
            queued_at: moment(job.pushed_at),
            next_try_at: job.next_at.map(moment),
            tries: job.attempts.count,
            last: Some(job.attempts.last).filter(|last| !last.is_empty()),
        }
    }
}
