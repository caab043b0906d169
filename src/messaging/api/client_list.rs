//! The list of clients. A long one is read and sent in parts, so that its memory does not grow with the number of clients.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};

use super::responses::{ClientResponse, ClientsResponse};
use crate::http::Json;
use crate::messaging::domain::ClientId;
use crate::messaging::{Messaging, MessagingError};

/// The number of clients in a part.
const PART: usize = 512;

/// The response with a list of clients.
pub enum ClientList {
    /// All clients of the response.
    Whole(Json<ClientsResponse>),
    /// Clients that are read while they are sent.
    Parts(Body),
}

impl ClientList {
    /// All clients, oldest first.
    ///
    /// # Errors
    /// The database fails. If it fails later, the response ends early and is not valid JSON.
    pub(super) async fn of_all(messaging: &Arc<Messaging>) -> Result<Self, MessagingError> {
        let ids = messaging.clients.ids().await?;
        if ids.len() <= PART {
            let clients = messaging.clients.list(&ids).await?;
            return Ok(Self::Whole(Json(ClientsResponse::new(clients, None))));
        }
        let position = Position { messaging: messaging.clone(), ids, next: 0, has_begun: false };
        Ok(Self::Parts(Body::from_bytes_stream(stream::try_unfold(position, Position::read))))
    }
}

/// The position in the list of clients that are read.
struct Position {
    messaging: Arc<Messaging>,
    ids: Vec<ClientId>,
    next: usize,
    /// Whether a client was written.
    has_begun: bool,
}

impl Position {
    /// Returns the next part as text, and the position behind it; `None` at the end.
    async fn read(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.next >= self.ids.len() {
            return Ok(None);
        }
        let mut text = Vec::with_capacity(160 * PART);
        if self.next == 0 {
            text.extend_from_slice(b"{\"clients\":[");
        }
        let part = &self.ids[self.next..self.ids.len().min(self.next + PART)];
        let clients = self.messaging.clients.list(part).await.map_err(|error| io::Error::other(error.chain()))?;
        for client in clients.into_iter().map(ClientResponse::from) {
            if std::mem::replace(&mut self.has_begun, true) {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, &client)?;
        }
        self.next += PART;
        if self.next >= self.ids.len() {
            text.extend_from_slice(b"]}");
        }
        Ok(Some((text.into(), self)))
    }
}

impl IntoResponse for ClientList {
    fn into_response(self) -> Response {
        match self {
            Self::Whole(json) => json.into_response(),
            Self::Parts(body) => Response::builder().content_type("application/json").body(body),
        }
    }
}

impl ApiResponse for ClientList {
    fn meta() -> MetaResponses {
        Json::<ClientsResponse>::meta()
    }

    fn register(registry: &mut Registry) {
        Json::<ClientsResponse>::register(registry);
    }
}
