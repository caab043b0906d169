//! Operations on users: heartbeats, explicit calls, and reads by id.

use std::sync::Arc;

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::errors::{BodyErrors, ReadErrors};
use super::requests::{HeartbeatRequest, HeartbeatsRequest, ManyRequest, OfflineRequest};
use super::responses::{ManyResponse, OutcomeResponse, StatusResponse};
use super::schema::UserIdParam;
use super::scope::ScopeResolver;
use super::scope_param::ScopeQuery;
use super::tag::Tag;
use super::{claims, encode};
use crate::http::auth::{AnyAuth, ServiceAuth};
use crate::http::json::RawJson;
use crate::http::middleware::trace_of;
use crate::http::{ApiError, Documented, Json};
use crate::presence::domain::identity::{Id, Scope, Subject};
use crate::presence::domain::{Heartbeat, Input};
use crate::presence::service::commit::PresenceCommand;
use crate::presence::service::read_many::UserQuery;
use crate::presence::service::{MAX_USERS, Presence};

/// The operations on users.
#[derive(Clone)]
pub struct UsersApi {
    presence: Arc<Presence>,
    scopes: ScopeResolver,
}

type Response<T, E> = Result<RawJson<T>, Documented<E>>;

impl UsersApi {
    /// The operations on the users of `presence`.
    pub fn new(presence: Arc<Presence>, scopes: ScopeResolver) -> Self {
        Self { presence, scopes }
    }

    fn heartbeat_of(&self, request: &Request, body: HeartbeatRequest) -> Result<(Subject, Heartbeat), ApiError> {
        let (user, scope, heartbeat) = body.into_parts();
        Ok((self.scopes.subject(request, user, scope)?, heartbeat))
    }

    async fn apply(&self, request: &Request, subject: Subject, input: Input) -> Response<OutcomeResponse, BodyErrors> {
        let outcome = self.presence.apply(PresenceCommand { subject, input, trace: trace_of(request) }).await?;
        Ok(RawJson::write_with(|out| encode::outcome(&outcome, out)))
    }
}

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Presence")]
impl UsersApi {
    /// Record a heartbeat
    ///
    /// Puts the user online, or away if `active` is false. Responds after the commit; a heartbeat that changes no status
    /// costs one round trip to the store. A heartbeat that was sent no later than the end of its session (`sent_at`)
    /// changes nothing.
    #[oai(path = "/heartbeat", method = "post", operation_id = "heartbeat")]
    pub(super) async fn heartbeat(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<HeartbeatRequest>,
    ) -> Response<OutcomeResponse, BodyErrors> {
        let (subject, heartbeat) = self.heartbeat_of(request, body.0)?;
        self.apply(request, subject, Input::Heartbeat(heartbeat)).await
    }

    /// Announce a user as online
    ///
    /// A heartbeat that is recorded in the change log even if the user was online already.
    #[oai(path = "/online", method = "post", operation_id = "online")]
    async fn online(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<HeartbeatRequest>,
    ) -> Response<OutcomeResponse, BodyErrors> {
        let (subject, heartbeat) = self.heartbeat_of(request, body.0)?;
        self.apply(request, subject, Input::Online(heartbeat)).await
    }

    /// End a presence
    ///
    /// Ends one session, or all. The end of all sessions is recorded in the change log even if the user was offline
    /// already.
    #[oai(path = "/offline", method = "post", operation_id = "offline")]
    async fn offline(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        Json(body): Json<OfflineRequest>,
    ) -> Response<OutcomeResponse, BodyErrors> {
        let OfflineRequest { user_id, meta, scope, session, sent_at } = body;
        let subject = self.scopes.subject(request, user_id.0, scope)?;
        self.apply(request, subject, Input::Offline { session, meta: meta.unwrap_or_default(), sent_at }).await
    }

    /// Record up to 1,000 heartbeats
    ///
    /// If one of them is invalid, all are refused; otherwise the response has the result of each, in the order of the
    /// request.
    #[oai(path = "/heartbeats", method = "post", operation_id = "heartbeats")]
    async fn heartbeats(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<HeartbeatsRequest>,
    ) -> Response<Vec<OutcomeResponse>, BodyErrors> {
        let HeartbeatsRequest(heartbeats) = body.0;
        check_length("body", heartbeats.len())?;
        let (mut commands, trace) = (Vec::with_capacity(heartbeats.len()), trace_of(request));
        let mut scopes = self.scopes.of_request(request);
        for item in heartbeats {
            let (user, scope, heartbeat) = item.into_parts();
            let subject = scopes.subject(user, scope)?;
            commands.push(PresenceCommand { subject, input: Input::Heartbeat(heartbeat), trace: trace.clone() });
        }
        let outcomes = self.presence.apply_all(commands).await?;
        Ok(RawJson::write_with(|out| encode::list(&outcomes, out, encode::outcome)))
    }

    /// Get a user's presence
    ///
    /// The PHP facade's `status()`, with the sidecar's own members. A user token may read its own user.
    #[oai(path = "/status/:user_id", method = "get", operation_id = "status")]
    pub(super) async fn status(
        &self,
        request: &Request,
        auth: AnyAuth,
        /// The user's id; digits are a number.
        user_id: Path<UserIdParam>,
        scope: ScopeQuery,
    ) -> Response<StatusResponse, ReadErrors> {
        let scope = self.scopes.resolve_key(request, auth.claims(), &Scope::from(scope))?;
        let key = scope.user(&user_id.0.0);
        if let Some(claims) = auth.claims() {
            let own = claims::user(claims).map(|user| scope.user(&user));
            if own.as_ref() != Some(&key) {
                return Err(ApiError::Forbidden("The token is for another user.").into());
            }
        }
        let view = self.presence.status(key).await?;
        Ok(RawJson::write_with(|out| encode::status(&view, out)))
    }

    /// Get many users' presence
    ///
    /// The PHP facade's `many()` in one round trip to the store: an object from id to presence.
    #[oai(path = "/many", method = "post", operation_id = "many")]
    pub(super) async fn many(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<ManyRequest>,
    ) -> Response<ManyResponse, BodyErrors> {
        let ManyRequest { user_ids, scope } = body.0;
        check_length("user_ids", user_ids.len())?;
        let scope = self.scopes.resolve_key(request, None, &scope.map(Scope::from).unwrap_or_default())?;
        let users: IndexSet<Id, RandomState> = user_ids.into_iter().map(|user| user.0.normalized()).collect();
        let views = self.presence.many(UserQuery { scope, users: users.iter().cloned().collect() }).await?;
        Ok(RawJson::write_with(|out| encode::many(users.iter().zip(views.iter()), out)))
    }
}

fn check_length(field: &str, users: usize) -> Result<(), ApiError> {
    match users {
        0..=MAX_USERS => Ok(()),
        _ => Err(ApiError::invalid(field, "must not have more than 1000 items.")),
    }
}
