//! The fast path: the three most frequent operations without poem-openapi's routing.
//!
//! Authentication, parsing, responses and errors are those of [`UsersApi`]; only the routing is done here, and only for
//! requests that need no interpretation: a known path without a query, and a plain id. All others take the framework's
//! path. `tests/http/fast_path.rs` compares the responses of both.

use poem::http::Method;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::param::Path;
use poem_openapi::types::ParseFromParameter;
use poem_openapi::{ApiExtractor, ExtractParamOptions};

use super::schema::UserIdParam;
use super::scope_param::ScopeQuery;
use super::users::UsersApi;
use crate::http::Json;
use crate::http::auth::{AnyAuth, ServiceAuth};

/// An operation of the fast path.
#[derive(Debug)]
pub enum FastPath {
    /// [`UsersApi::heartbeat`]
    Heartbeat,
    /// [`UsersApi::status`]
    Status(UserIdParam),
    /// [`UsersApi::many`]
    Many,
}

const PREFIX: &str = "/api/v1/presence/";

impl FastPath {
    /// The operation of a request; `None` if the framework must route it.
    pub fn of(request: &Request) -> Option<Self> {
        let uri = request.uri();
        let operation = uri.path().strip_prefix(PREFIX).filter(|_| uri.query().is_none())?;
        match (request.method(), operation) {
            (&Method::POST, "heartbeat") => Some(Self::Heartbeat),
            (&Method::POST, "many") => Some(Self::Many),
            (&Method::GET, _) => {
                let user = operation.strip_prefix("status/")?;
                let is_plain =
                    !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                UserIdParam::parse_from_parameter(user).ok().filter(|_| is_plain).map(Self::Status)
            }
            _ => None,
        }
    }

    /// Runs the operation; takes the body of the request.
    ///
    /// # Errors
    /// Those of the framework and of the operation.
    pub async fn call(self, api: &UsersApi, request: &mut Request) -> poem::Result<Response> {
        let body = &mut RequestBody::new(request.take_body());
        match self {
            Self::Heartbeat => {
                let auth = ServiceAuth::of(request)?;
                let body = Json::from_request(request, body, ExtractParamOptions::default()).await?;
                Ok(api.heartbeat(request, auth, body).await?.into_response())
            }
            Self::Many => {
                let auth = ServiceAuth::of(request)?;
                let body = Json::from_request(request, body, ExtractParamOptions::default()).await?;
                Ok(api.many(request, auth, body).await?.into_response())
            }
            Self::Status(user) => {
                let auth = AnyAuth::of(request)?;
                Ok(api.status(request, auth, Path(user), ScopeQuery::default()).await?.into_response())
            }
        }
    }
}
