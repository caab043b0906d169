//! The operators' operations.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::auth::OperatorAuth;
use super::client_list::ClientList;
use super::errors::OperatorErrors;
use super::fanout_jobs::{FanoutJobsResponse, FanoutReplayResponse, FanoutState};
use super::fields::Fields;
use super::parse::parse_cursor;
use super::responses::{AcknowledgementResponse, ClientsResponse, OkOrNoContent, OpenedMessagesResponse};
use super::routing::{ApiResult, Tag, require_messaging};
use crate::http::{ApiError, Json, PageSize};
use crate::messaging::domain::{ClientId, PollCursor};
use crate::messaging::{Messaging, MessagingError};
use crate::queue::JobState;

/// The operators' operations. Without a messaging service they return 404.
pub struct Operators {
    messaging: Option<Arc<Messaging>>,
}

impl Operators {
    /// Creates the operations on `messaging`.
    pub fn new(messaging: Option<Arc<Messaging>>) -> Self {
        Self { messaging }
    }
}

#[OpenApi(prefix_path = "/api/v1/operators", tag = "Tag::Operators")]
impl Operators {
    /// List clients
    ///
    /// Returns the clients with their status: all of them, oldest first, or with `limit` a page, by ascending id.
    #[oai(path = "/clients", method = "get", operation_id = "clients")]
    async fn clients(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// Maximum number of clients on a page, 1 to 1,000.
        limit: Query<Option<PageSize>>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<String>>,
    ) -> ApiResult<ClientList, OperatorErrors> {
        let messaging = require_messaging(self.messaging.as_ref(), request)?;
        let Some(PageSize(limit)) = limit.0 else {
            return Ok(ClientList::of_all(messaging).await.map_err(ApiError::from)?);
        };
        let invalid = || ApiError::invalid("cursor", "is not valid.");
        let after = cursor.0.as_deref().map(|cursor| parse_page_cursor(cursor).ok_or_else(invalid)).transpose()?;
        let max = i64::try_from(limit).unwrap_or(i64::MAX);
        let clients = messaging.clients.list_page(after.as_ref(), max).await.map_err(ApiError::from)?;
        let full = clients.len() == limit;
        let next = clients.last().filter(|_| full).map(|last| format!("{}_{}", last.stored_at, last.id.as_str()));
        Ok(ClientList::Whole(Json(ClientsResponse::new(clients, next))))
    }

    /// List a client's messages
    ///
    /// Returns the messages to a client after the cursor, decrypted, by ascending id.
    #[oai(path = "/clients/:client/messages", method = "get", operation_id = "client_messages")]
    async fn messages(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
        /// The greatest id received so far.
        #[oai(name = "cursor")]
        _cursor: Query<Option<String>>,
    ) -> ApiResult<OkOrNoContent<OpenedMessagesResponse>, OperatorErrors> {
        let messaging = require_messaging(self.messaging.as_ref(), request)?;
        let id = ClientId::parse(&client.0).ok_or(ApiError::from(MessagingError::UnknownClient))?;
        let after = match parse_cursor(&Fields::from_query(request)) {
            PollCursor::Acknowledged => 0,
            PollCursor::After(id) => id.max(0),
        };
        let (id, messages) = messaging.messages.list(&id, after).await.map_err(ApiError::from)?;
        let response = (!messages.is_empty()).then(|| Json(OpenedMessagesResponse::new(id.as_str(), messages)));
        Ok(OkOrNoContent(response))
    }

    /// Revoke a client
    ///
    /// Invalidates its credentials and releases its fingerprint. Its messages stay.
    #[oai(path = "/clients/:client/revoke", method = "post", operation_id = "revoke_client")]
    async fn revoke(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
    ) -> ApiResult<Json<AcknowledgementResponse>, OperatorErrors> {
        let messaging = require_messaging(self.messaging.as_ref(), request)?;
        let id = ClientId::parse(&client.0).ok_or(ApiError::from(MessagingError::UnknownClient))?;
        messaging.clients.revoke(&id).await.map_err(ApiError::from)?;
        Ok(Json("revoked".into()))
    }

    /// List fan-out jobs
    ///
    /// Returns up to 100 pending or dead jobs, oldest first, without the content of the messages. With `messaging.queue` `sync`
    /// there are none.
    #[oai(path = "/fan-outs", method = "get", operation_id = "fan_outs")]
    async fn fan_outs(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// Default: `pending`.
        state: Query<Option<FanoutState>>,
    ) -> ApiResult<Json<FanoutJobsResponse>, OperatorErrors> {
        let messaging = require_messaging(self.messaging.as_ref(), request)?;
        let state = match state.0 {
            Some(FanoutState::Dead) => JobState::Dead,
            Some(FanoutState::Pending) | None => JobState::Pending,
        };
        Ok(Json(messaging.publisher.jobs(state).await.map_err(ApiError::from)?.into()))
    }

    /// Replay all dead fan-out jobs
    ///
    /// Queues the jobs again. Each of their messages is stored once.
    #[oai(path = "/fan-outs/replay", method = "post", operation_id = "replay_fan_outs")]
    async fn replay(
        &self,
        request: &Request,
        _auth: OperatorAuth,
    ) -> ApiResult<Json<FanoutReplayResponse>, OperatorErrors> {
        let messaging = require_messaging(self.messaging.as_ref(), request)?;
        let replayed = messaging.publisher.replay_jobs().await.map_err(ApiError::from)?;
        Ok(Json(FanoutReplayResponse { replayed }))
    }
}

/// Parses the cursor of a page: the creation time of the last client, which only earlier releases use, `_`, and its id.
fn parse_page_cursor(cursor: &str) -> Option<ClientId> {
    let (_, id) = cursor.rsplit_once('_')?;
    ClientId::parse(id)
}
