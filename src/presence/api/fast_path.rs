//! The way past the framework for operations that are asked for all the time.
//!
//! Who may call, what is read and what is answered is what [`Api`] says of each, and so are the errors; only the routing
//! is done here, and only where the request leaves nothing to interpretation. Any other takes the framework's way.

use poem::http::Method;
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiExtractor, ExtractParamOptions};

use super::Api;
use crate::http::Json;
use crate::http::auth::{AnyAuth, ServiceAuth};
use crate::presence::domain::identity::Id;

/// An operation that may go past the framework.
#[derive(Debug)]
pub enum FastPath {
    /// [`Api::heartbeat`]
    Heartbeat,
    /// [`Api::status`]
    Status(Id),
    /// [`Api::many`]
    Many,
}

const PREFIX: &str = "/api/v1/presence/";

impl FastPath {
    /// The operation that a request is for, if it is one of these.
    pub fn find(request: &Request) -> Option<Self> {
        let uri = request.uri();
        let operation = uri.path().strip_prefix(PREFIX).filter(|_| uri.query().is_none())?;
        match (request.method(), operation) {
            (&Method::POST, "heartbeat") => Some(Self::Heartbeat),
            (&Method::POST, "many") => Some(Self::Many),
            (&Method::GET, _) => {
                let user = operation.strip_prefix("status/")?;
                let plain = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                Id::from_path(user).ok().filter(|_| plain).map(Self::Status)
            }
            _ => None,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// Those of the framework, and of the operation.
    pub async fn answer(self, api: &Api, request: Request) -> poem::Result<Response> {
        let (request, mut body) = request.split();
        let body = &mut body;
        match self {
            Self::Heartbeat => {
                let auth = ServiceAuth::of(&request)?;
                let body = Json::from_request(&request, body, ExtractParamOptions::default()).await?;
                Ok(api.heartbeat(&request, auth, body).await?.into_response())
            }
            Self::Many => {
                let auth = ServiceAuth::of(&request)?;
                let body = Json::from_request(&request, body, ExtractParamOptions::default()).await?;
                Ok(api.many(&request, auth, body).await?.into_response())
            }
            Self::Status(user) => {
                let auth = AnyAuth::of(&request)?;
                let [tenant, location, domain, guard] = [const { Query(None) }; 4];
                let status = api.status(&request, auth, Path(user), tenant, location, domain, guard);
                Ok(status.await?.into_response())
            }
        }
    }
}
