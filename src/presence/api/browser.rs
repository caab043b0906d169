//! The heartbeat route for browsers: the PHP package's route, with a user token in place of the PHP session.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderValue, header};
use poem::web::Data;
use poem::{Request, RequestBody};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};
use serde::Deserialize;

use super::claims;
use super::errors::BrowserErrors;
use super::responses::OkResponse;
use super::schema::UserIdParam;
use super::scope::ScopeResolver;
use super::scope_param::ScopeParam;
use super::tag::Tag;
use crate::http::auth::{BrowserAuth, UserAuth};
use crate::http::middleware::trace_of;
use crate::http::throttle::{Allowed, RateLimiter};
use crate::http::token_verifier::Claims;
use crate::http::{ApiError, ClientIp, Documented, Json, auth, body, json};
use crate::objects_only;
use crate::php::{Array, Value};
use crate::presence::domain::identity::{Scope, SessionId, Subject};
use crate::presence::domain::{DeviceTime, Heartbeat, Input};
use crate::presence::service::Presence;
use crate::presence::service::commit::PresenceCommand;

/// Maximum length of the user agent in bytes: longer ones are cut as in PHP, but between characters.
const MAX_USER_AGENT: usize = 255;

/// A heartbeat of a page.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(rename = "BrowserHeartbeat")]
#[serde(remote = "Self", default, expecting = "an object")]
pub struct BrowserHeartbeatRequest {
    /// The user token, for requests that cannot set headers (`navigator.sendBeacon`).
    token: Option<String>,
    /// Whether the user is active in this tab; `true` by default.
    active: Option<bool>,
    /// Whether the session ends, because the page is closed.
    end: Option<bool>,
    /// The time at which the heartbeat is sent, by the page's clock (`Date.now()`). A heartbeat that arrives after a later
    /// end of the session is ignored.
    sent_at: Option<DeviceTime>,
    /// The session: the tab. The token's `sid` has precedence.
    session: Option<SessionId>,
    /// Must be the token's user, if given.
    user_id: Option<UserIdParam>,
    /// Must be the token's scope, if given.
    scope: Option<ScopeParam>,
}

objects_only!(BrowserHeartbeatRequest);

/// The operation for browsers.
pub struct BrowserApi {
    presence: Arc<Presence>,
    scopes: ScopeResolver,
    throttle: RateLimiter,
}

impl BrowserApi {
    /// The operation on `presence`, with a rate limit per user.
    pub fn new(presence: Arc<Presence>, scopes: ScopeResolver, throttle: RateLimiter) -> Self {
        Self { presence, scopes, throttle }
    }

    /// The user that the token names.
    fn subject(&self, request: &Request, claims: &Claims, requested: &Scope) -> Result<Subject, ApiError> {
        let user = claims::user(claims).ok_or(ApiError::Unauthenticated)?;
        let scope = self.scopes.resolve(request, Some(claims), requested)?;
        Ok(Subject::new(user, scope, self.scopes.include_guard()))
    }

    /// Counts a request of the user that the token names.
    fn acquire(&self, request: &Request, claims: &Claims) -> Result<Option<Allowed>, ApiError> {
        let Some(throttle) = self.throttle.active() else { return Ok(None) };
        let subject = self.subject(request, claims, &Scope::default())?;
        throttle.acquire(subject.key.as_str(), Instant::now()).map(Some).map_err(ApiError::TooMany)
    }

    fn command(
        &self,
        request: &Request,
        claims: &Claims,
        client: ClientIp,
        body: BrowserHeartbeatRequest,
    ) -> Result<PresenceCommand, ApiError> {
        let requested = body.scope.map(Scope::from).unwrap_or_default();
        let subject = self.subject(request, claims, &requested)?;
        if body.user_id.is_some_and(|other| other.0.to_string() != subject.user.to_string()) {
            return Err(ApiError::Forbidden("The token is for another user."));
        }
        let session = claims::session(claims)?.or(body.session).unwrap_or_default();
        let sent_at = body.sent_at;
        let meta = browser_meta(request, client).into();
        let input = if body.end == Some(true) {
            Input::Offline { session: Some(session), meta, sent_at }
        } else {
            Input::Heartbeat(Heartbeat { session, active: body.active.unwrap_or(true), meta, sent_at })
        };
        Ok(PresenceCommand { subject, input, trace: trace_of(request) })
    }
}

/// The meta that the PHP route stores: address and user agent.
pub(super) fn browser_meta(request: &Request, client: ClientIp) -> Array {
    // Any bytes, as in PHP; but a record's text is UTF-8.
    let agent = request.headers().get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let agent = String::from_utf8_lossy(agent);
    let mut meta = Array::with_capacity(2);
    meta.insert("ip", Value::from(client.0.to_string()));
    meta.insert("ua", Value::from(&agent[..agent.floor_char_boundary(MAX_USER_AGENT)]));
    meta
}

#[OpenApi(prefix_path = "/presence", tag = "Tag::Browsers")]
impl BrowserApi {
    /// Record a browser's heartbeat
    ///
    /// The PHP package's route, for pages with a short-lived user token that the application signs. User, session and
    /// scope come from the token only. Rate limited per user.
    #[oai(path = "/heartbeat", method = "post", operation_id = "browser_heartbeat")]
    async fn heartbeat(
        &self,
        request: &Request,
        auth: BrowserAuth,
        client: Data<&ClientIp>,
        body: BeaconBody,
    ) -> Result<poem_openapi::payload::Response<Json<OkResponse>>, Documented<BrowserErrors>> {
        let (claims, allowed, body) = match auth {
            BrowserAuth::Header(UserAuth(claims)) => {
                let allowed = self.acquire(request, &claims)?;
                (claims, allowed, body.read(request).await?)
            }
            BrowserAuth::Body => {
                auth::forbid_header(request)?;
                let body = body.read(request).await?;
                let claims = auth::user_beside_header(request, body.token.as_deref())?;
                let allowed = self.acquire(request, &claims)?;
                (claims, allowed, body)
            }
        };
        let command = self.command(request, &claims, *client.0, body)?;
        self.presence.apply(command).await?;
        let mut response = poem_openapi::payload::Response::new(Json(OkResponse { ok: true }));
        if let Some(Allowed { limit, remaining }) = allowed {
            response = response.header("x-ratelimit-limit", limit).header("x-ratelimit-remaining", remaining);
        }
        Ok(response)
    }
}

/// A [`BrowserHeartbeatRequest`] as JSON or empty, not read yet. `text/plain` is accepted, since a beacon cannot set another
/// content type without a preflight.
struct BeaconBody(RequestBody);

impl<'a> ApiExtractor<'a> for BeaconBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Json<BrowserHeartbeatRequest> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let media =
            |content_type| MetaMediaType { content_type, schema: Json::<BrowserHeartbeatRequest>::schema_ref() };
        Some(MetaRequest { description: None, content: vec![media("application/json")], required: false })
    }

    async fn from_request(
        _request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(Self(std::mem::take(body)))
    }
}

impl BeaconBody {
    /// Reads the body.
    async fn read(mut self, request: &Request) -> Result<BrowserHeartbeatRequest, ApiError> {
        let body = body::read(request, &mut self.0).await?;
        let is_accepted = |kind: &str| json::is_json(kind) || kind.starts_with("text/plain");
        match request.content_type() {
            _ if body.bytes().is_empty() => Ok(BrowserHeartbeatRequest::default()),
            Some(kind) if !is_accepted(kind) => Err(ApiError::MediaType),
            _ => json::parse_body(body).await,
        }
    }
}
