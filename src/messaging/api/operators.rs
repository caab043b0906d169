//! What operators do over HTTP.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use super::answers::{ClientsResponse, OkOrNoContent, OpenedMessagesResponse, StatusWordResponse};
use super::auth::OperatorAuth;
use super::errors::OperatorErrors;
use super::fields::Fields;
use super::jobs::{FanoutJobsResponse, FanoutReplayResponse, FanoutState};
use super::requests::cursor;
use super::{Answer, Tag, there};
use crate::http::{ApiError, Json, PageSize};
use crate::messaging::domain::{ClientId, PollCursor};
use crate::messaging::{Messaging, MessagingError};
use crate::queue::JobState;

/// The operators' operations. Without a service they are not there.
pub struct Operators {
    messaging: Option<Arc<Messaging>>,
}

impl Operators {
    /// The operations on `messaging`.
    pub fn new(messaging: Option<Arc<Messaging>>) -> Self {
        Self { messaging }
    }
}

#[OpenApi(prefix_path = "/api/v1/operators", tag = "Tag::Operators")]
impl Operators {
    /// All clients
    ///
    /// The clients, the oldest first, and which of them are online: all of them, or with `limit` a page.
    #[oai(path = "/clients", method = "get", operation_id = "clients")]
    async fn clients(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// Most clients on a page, 1 to 1,000.
        limit: Query<Option<PageSize>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Json<ClientsResponse>, OperatorErrors> {
        let messaging = there(self.messaging.as_ref(), request)?;
        let Some(PageSize(limit)) = limit.0 else {
            let clients = messaging.clients().await.map_err(ApiError::from)?;
            return Ok(Json(ClientsResponse::new(clients, None)));
        };
        let after =
            cursor.0.as_deref().map(|cursor| place(cursor).ok_or_else(|| ApiError::invalid("cursor", "is not valid.")));
        let after = after.transpose()?;
        let after = after.as_ref().map(|(created_at, id)| (*created_at, id));
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let clients = messaging.clients_page(after, most).await.map_err(ApiError::from)?;
        let full = clients.len() == limit;
        let next = clients.last().filter(|_| full).map(|last| format!("{}_{}", last.place.0, last.place.1.as_str()));
        Ok(Json(ClientsResponse::new(clients, next)))
    }

    /// A client's messages
    ///
    /// Messages to a client behind the cursor, opened, by rising id.
    #[oai(path = "/clients/:client/messages", method = "get", operation_id = "client_messages")]
    async fn messages(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
        /// The greatest id seen so far.
        #[oai(name = "cursor")]
        _cursor: Query<Option<String>>,
    ) -> Answer<OkOrNoContent<OpenedMessagesResponse>, OperatorErrors> {
        let messaging = there(self.messaging.as_ref(), request)?;
        let id = ClientId::parse(&client.0).ok_or(ApiError::from(MessagingError::UnknownClient))?;
        let after = match cursor(&Fields::of_query(request)) {
            PollCursor::Acknowledged => 0,
            PollCursor::After(id) => id.max(0),
        };
        let (id, messages) = messaging.messages_of(&id, after).await.map_err(ApiError::from)?;
        let answer = (!messages.is_empty()).then(|| Json(OpenedMessagesResponse::new(id.as_str(), messages)));
        Ok(OkOrNoContent(answer))
    }

    /// Shut a client out
    ///
    /// Makes its credentials worthless and forgets its fingerprint. Its messages stay.
    #[oai(path = "/clients/:client/revoke", method = "post", operation_id = "revoke_client")]
    async fn revoke(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
    ) -> Answer<Json<StatusWordResponse>, OperatorErrors> {
        let messaging = there(self.messaging.as_ref(), request)?;
        let id = ClientId::parse(&client.0).ok_or(ApiError::from(MessagingError::UnknownClient))?;
        messaging.revoke(&id).await.map_err(ApiError::from)?;
        Ok(Json("revoked".into()))
    }

    /// Fan-out under way, or given up
    ///
    /// Up to 100 jobs, the oldest first, without what the messages say. With `messaging.queue` `sync` there are none.
    #[oai(path = "/fan-outs", method = "get", operation_id = "fan_outs")]
    async fn fan_outs(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// `pending` if left out.
        state: Query<Option<FanoutState>>,
    ) -> Answer<Json<FanoutJobsResponse>, OperatorErrors> {
        let messaging = there(self.messaging.as_ref(), request)?;
        let standing = match state.0 {
            Some(FanoutState::Dead) => JobState::Dead,
            Some(FanoutState::Pending) | None => JobState::Pending,
        };
        Ok(Json(messaging.jobs(standing).await.map_err(ApiError::from)?.into()))
    }

    /// Do all fan-out again that was given up
    #[oai(path = "/fan-outs/replay", method = "post", operation_id = "replay_fan_outs")]
    async fn replay(
        &self,
        request: &Request,
        _auth: OperatorAuth,
    ) -> Answer<Json<FanoutReplayResponse>, OperatorErrors> {
        let messaging = there(self.messaging.as_ref(), request)?;
        let replayed = messaging.replay_jobs().await.map_err(ApiError::from)?;
        Ok(Json(FanoutReplayResponse { replayed }))
    }
}

/// A page's end: when the client registered, `_`, its id.
fn place(cursor: &str) -> Option<(&str, ClientId)> {
    let (created_at, id) = cursor.rsplit_once('_')?;
    Some((created_at, ClientId::parse(id)?))
}
