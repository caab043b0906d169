//! The heartbeat route for browsers: the PHP package's own route, with a user token in place of a session.

use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderValue, header};
use poem::web::Data;
use poem::{Request, RequestBody};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi};
use serde::Deserialize;

use super::scope::RequestedScope;
use super::scope_param::ScopeParam;
use super::types::OkResponse;
use super::{Tag, scope, session_of, subject_of};
use crate::http::auth::{BrowserAuth, Claims, UserAuth};
use crate::http::error::BrowserErrors;
use crate::http::throttle::RateLimiter;
use crate::http::{ApiError, ClientIp, Documented, Json, auth, body, json};
use crate::php::{Array, Value};
use crate::presence::domain::identity::{Id, Scope, SessionId, Subject};
use crate::presence::domain::{DeviceTime, Heartbeat, Input};
use crate::presence::{Presence, PresenceCommand};
use crate::{config, objects_only};

/// Longer user agents are cut, as in PHP but between characters.
const USER_AGENT: usize = 255;

/// What a page says with its heartbeat.
#[derive(Debug, Default, Object, Deserialize)]
#[oai(rename = "BrowserHeartbeat")]
#[serde(remote = "Self", default, expecting = "an object")]
pub struct BrowserHeartbeatRequest {
    /// The user token, where no header can be set (`navigator.sendBeacon`).
    token: Option<String>,
    /// Whether the user is active in this tab, `true` if left out.
    active: Option<bool>,
    /// Whether this session ends: the page is closed.
    end: Option<bool>,
    /// When this is sent, by the page's clock (`Date.now()`): a heartbeat that the end overtakes is left out.
    sent_at: Option<DeviceTime>,
    /// The tab; the token's `sid` has precedence.
    session: Option<SessionId>,
    /// If given, it must be the token's user.
    user_id: Option<Id>,
    /// If given, it must be the token's scope.
    scope: Option<ScopeParam>,
}

objects_only!(BrowserHeartbeatRequest);

/// The browser operations.
pub struct BrowserApi {
    presence: Arc<Presence>,
    rules: config::ScopeConfig,
    throttle: Option<RateLimiter>,
}

impl BrowserApi {
    /// The operations on `presence`, each user throttled.
    pub fn new(presence: Arc<Presence>, rules: config::ScopeConfig, throttle: Option<RateLimiter>) -> Self {
        Self { presence, rules, throttle }
    }

    fn wanted(
        &self,
        request: &Request,
        claims: &Claims,
        client: ClientIp,
        body: BrowserHeartbeatRequest,
    ) -> Result<PresenceCommand, ApiError> {
        let user = subject_of(claims).ok_or(ApiError::Unauthenticated)?;
        if body.user_id.is_some_and(|other| other.to_string() != user.to_string()) {
            return Err(ApiError::Forbidden("The token is for another user."));
        }
        let wished = body.scope.map(Scope::from).unwrap_or_default();
        let scope = scope::resolve(&self.rules, Some(claims), &RequestedScope { scope: &wished, request })?;
        let subject = Subject::new(user, scope, self.rules.include_guard);
        let session = session_of(claims)?.or(body.session).unwrap_or_default();
        let sent_at = body.sent_at;
        let meta = described(request, client).into();
        let input = if body.end == Some(true) {
            Input::Offline { session: Some(session), meta, sent_at }
        } else {
            Input::Heartbeat(Heartbeat { session, active: body.active.unwrap_or(true), meta, sent_at })
        };
        Ok(PresenceCommand { subject, input })
    }
}

/// The meta that the PHP route records: address and user agent.
fn described(request: &Request, client: ClientIp) -> Array {
    // As PHP, whatever its bytes are; a record's text is UTF-8.
    let agent = request.headers().get(header::USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
    let agent = String::from_utf8_lossy(agent);
    let mut meta = Array::with_capacity(2);
    meta.insert("ip", Value::from(client.0.to_string()));
    meta.insert("ua", Value::from(&agent[..agent.floor_char_boundary(USER_AGENT)]));
    meta
}

#[OpenApi(prefix_path = "/presence", tag = "Tag::Browsers")]
impl BrowserApi {
    /// A browser's sign of life
    ///
    /// The PHP package's route, for pages that hold a short-lived user token minted by the application. User, session
    /// and scope come from the token alone. Throttled per user.
    #[oai(path = "/heartbeat", method = "post", operation_id = "browser_heartbeat")]
    async fn heartbeat(
        &self,
        request: &Request,
        auth: BrowserAuth,
        client: Data<&ClientIp>,
        body: BeaconBody,
    ) -> Result<poem_openapi::payload::Response<Json<OkResponse>>, Documented<BrowserErrors>> {
        let claims = match auth {
            BrowserAuth::Header(UserAuth(claims)) => claims,
            BrowserAuth::Body => auth::user_beside_header(request, body.0.token.as_deref())?,
        };
        let wanted = self.wanted(request, &claims, *client.0, body.0)?;
        let passed = match &self.throttle {
            Some(throttle) => {
                let hit = throttle.acquire(wanted.subject.key.as_str(), Instant::now());
                Some(hit.map_err(ApiError::TooMany)?)
            }
            None => None,
        };
        self.presence.apply(wanted).await?;
        let mut answer = poem_openapi::payload::Response::new(Json(OkResponse { ok: true }));
        if let Some(passed) = passed {
            answer = answer.header("x-ratelimit-limit", passed.limit).header("x-ratelimit-remaining", passed.remaining);
        }
        Ok(answer)
    }
}

/// A [`BrowserHeartbeatRequest`] as JSON, whatever the content type says: a beacon cannot set it without a preflight. May be empty.
struct BeaconBody(BrowserHeartbeatRequest);

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
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = body::read(request, body).await?;
        match request.content_type() {
            _ if bytes.is_empty() => Ok(Self(BrowserHeartbeatRequest::default())),
            None => Ok(Self(json::parse(&bytes)?)),
            Some(kind) if json::is_json(kind) || kind.starts_with("text/plain") => Ok(Self(json::parse(&bytes)?)),
            Some(_) => Err(ApiError::MediaType.into()),
        }
    }
}
