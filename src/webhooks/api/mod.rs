//! Deliveries over HTTP, for operators.

mod errors;
mod types;

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::{OpenApi, Tags};

use self::errors::DeliveryErrors;
use self::types::{DeliveriesResponse, DeliveryResponse, DeliveryState, ReplayResponse, Since};
use super::admin::{DeliveryAdmin, DeliveryCursor};
use crate::http::auth::ServiceAuth;
use crate::http::{ApiError, Documented, Json, PageSize};
use crate::query_parameters;

/// The group of operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Deliveries of webhooks.
    Webhooks,
}

/// The operations on deliveries.
pub struct Api {
    admin: Arc<DeliveryAdmin>,
}

query_parameters! {
    /// A page of deliveries.
    pub struct DeliveriesQuery {
        /// `pending` by default.
        state: Option<DeliveryState>,
        /// Only deliveries to this endpoint.
        endpoint: Option<String>,
        /// Maximum number of deliveries on a page, 1 to 1,000; 100 by default.
        limit: Option<PageSize>,
        /// `next_cursor` of the previous page.
        cursor: Option<DeliveryCursor>,
    }
}

query_parameters! {
    /// Which dead letters are replayed.
    pub struct ReplayQuery {
        /// Only deliveries that were queued at this time or later.
        since: Option<Since>,
        /// Only deliveries to this endpoint.
        endpoint: Option<String>,
    }
}

type Response<T> = Result<Json<T>, Documented<DeliveryErrors>>;

impl Api {
    /// The operations of `admin`.
    pub fn new(admin: Arc<DeliveryAdmin>) -> Self {
        Self { admin }
    }

    fn check_endpoint(&self, endpoint: Option<&str>) -> Result<(), ApiError> {
        match endpoint {
            Some(name) if !self.admin.has_endpoint(name) => Err(ApiError::NotFound("There is no such endpoint.")),
            _ => Ok(()),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/webhooks/deliveries", tag = "Tag::Webhooks")]
impl Api {
    /// List pending deliveries, or dead letters
    ///
    /// Without the payload, except for event, user, scope and `seq`.
    #[oai(path = "/", method = "get", operation_id = "deliveries")]
    async fn list(&self, _auth: ServiceAuth, query: DeliveriesQuery) -> Response<DeliveriesResponse> {
        let DeliveriesQuery { state, endpoint, limit, cursor } = query;
        let state = state.unwrap_or(DeliveryState::Pending);
        self.check_endpoint(endpoint.as_deref())?;
        let limit = limit.unwrap_or_default().0;
        let (deliveries, next) = self.admin.list(state.into(), endpoint.as_deref(), cursor, limit).await?;
        let data = deliveries.into_iter().map(|delivery| DeliveryResponse::new(delivery, state)).collect();
        Ok(Json(DeliveriesResponse { data, next_cursor: next.map(|next| next.to_string()) }))
    }

    /// Replay a dead letter
    ///
    /// Queues the delivery again, with its id and a new series of attempts.
    #[oai(path = "/:id/replay", method = "post", operation_id = "replay_delivery")]
    async fn replay(
        &self,
        _auth: ServiceAuth,
        /// The delivery's id.
        id: Path<String>,
    ) -> Response<ReplayResponse> {
        let not_found = ApiError::NotFound("There is no such dead letter.");
        let (id, endpoint) =
            id.0.rsplit_once('@').filter(|(_, name)| self.admin.has_endpoint(name)).ok_or(not_found.clone())?;
        match self.admin.replay(endpoint, id).await? {
            true => Ok(Json(ReplayResponse { replayed: 1 })),
            false => Err(not_found.into()),
        }
    }

    /// Replay all dead letters
    ///
    /// Queues the deliveries again, with their ids and new series of attempts.
    #[oai(path = "/replay", method = "post", operation_id = "replay_deliveries")]
    async fn replay_all(&self, _auth: ServiceAuth, query: ReplayQuery) -> Response<ReplayResponse> {
        self.check_endpoint(query.endpoint.as_deref())?;
        let since = query.since.map_or(0, |since| since.0);
        let replayed = self.admin.replay_since(query.endpoint.as_deref(), since).await?;
        Ok(Json(ReplayResponse { replayed }))
    }
}
