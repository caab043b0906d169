//! Presence over HTTP: who, what, call, answer.

mod browser;
mod encode;
mod fast_path;
pub mod scope;
mod scope_param;
mod stream;
mod types;

use std::sync::Arc;

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use poem::Request;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{OpenApi, Tags};
use serde::Deserialize;
use serde_json::Value;

pub use self::browser::BrowserApi;
pub use self::fast_path::FastPath;
use self::scope::RequestedScope;
pub use self::scope_param::ScopeBody;
use self::scope_param::ScopeParam;
use self::stream::{ChangeStream, WatchFilter};
pub use self::types::JsonTime;
use self::types::{
    ChangeResponse, ChangesResponse, CountsResponse, HeartbeatRequest, HeartbeatsRequest, ManyRequest, ManyResponse,
    OfflineRequest, OutcomeResponse, PresentWord, RosterResponse, SnapshotResponse, StatusResponse,
};
use super::domain::identity::{Id, Scope, ScopeKey, SessionId, Subject, UserKey};
use super::domain::{Change, Heartbeat, Input, Status};
use super::service::change_feed::ChangeFeed;
use super::service::read_many::UserQuery;
use super::service::{MAX_USERS, SnapshotPage};
use super::store::{ChangeCursor, Changes, Unavailable};
use super::{Presence, PresenceCommand};
use crate::config;
use crate::http::auth::{AnyAuth, Claims, ServiceAuth, StreamAuth, UserAuth};
use crate::http::error::{BodyErrors, CursorErrors, ReadErrors};
use crate::http::json::RawJson;
use crate::http::{ApiError, Documented, Json, PageSize, auth};

/// BatchReceiver of operations in the document.
#[derive(Tags)]
pub enum Tag {
    /// Who is online, away or offline.
    Presence,
    /// For browsers with a user token.
    Browsers,
}

/// The presence operations for applications.
#[derive(Clone)]
pub struct Api {
    presence: Arc<Presence>,
    feed: ChangeFeed,
    rules: config::ScopeConfig,
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        tracing::debug!(error = error.reason(), "the presence store gave no answer");
        Self::Unavailable("Service Unavailable")
    }
}

impl Api {
    /// The operations on `presence`, whose change log is `feed`; scopes are found by `rules`.
    pub fn new(presence: Arc<Presence>, feed: ChangeFeed, rules: config::ScopeConfig) -> Self {
        Self { presence, feed, rules }
    }

    /// Whom a token may watch, and where; `None` for an application, which may watch everybody everywhere.
    fn watched(&self, request: &Request, claims: Option<&Claims>) -> Result<Option<WatchFilter>, ApiError> {
        let Some(claims) = claims else { return Ok(None) };
        let ids: Vec<Id> = claims.get("watch").and_then(|ids| Vec::deserialize(ids).ok()).unwrap_or_default();
        let include_guard = self.rules.include_guard;
        let scope = self.scope(request, Some(claims), None)?.key(include_guard);
        Ok(Some(WatchFilter { scope, ids: ids.iter().map(Id::to_string).collect(), include_guard }))
    }

    fn scope(&self, request: &Request, claims: Option<&Claims>, wished: Option<ScopeParam>) -> Result<Scope, ApiError> {
        let wished = wished.map(Scope::from).unwrap_or_default();
        scope::resolve(&self.rules, claims, &RequestedScope { scope: &wished, request })
    }

    fn subject(&self, request: &Request, user: Id, wished: Option<ScopeParam>) -> Result<Subject, ApiError> {
        let scope = self.scope(request, None, wished)?;
        Ok(Subject::new(user, scope, self.rules.include_guard))
    }

    fn heartbeat_of(&self, request: &Request, body: HeartbeatRequest) -> Result<(Subject, Heartbeat), ApiError> {
        let subject = self.subject(request, body.user_id, body.scope)?;
        let beat = Heartbeat {
            session: body.session.unwrap_or_default(),
            active: body.active.unwrap_or(true),
            meta: body.meta.unwrap_or_default(),
            sent_at: body.sent_at,
        };
        Ok((subject, beat))
    }

    fn scope_key(
        &self,
        request: &Request,
        claims: Option<&Claims>,
        [tenant, location, domain, guard]: [ScopeQuery; 4],
    ) -> Result<ScopeKey, ApiError> {
        let wished = Scope { tenant: tenant.0, location: location.0, domain: domain.0, guard: guard.0 };
        let scope = scope::resolve(&self.rules, claims, &RequestedScope { scope: &wished, request })?;
        Ok(scope.key(self.rules.include_guard))
    }
}

/// A part of the scope in the query; digits mean the number.
type ScopeQuery = Query<Option<Id>>;

type Answer<T, S> = Result<T, Documented<S>>;

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Presence")]
impl Api {
    /// Record a sign of life
    ///
    /// Puts the user online, or away if `active` is false. PipelineReply once it is committed; a steady heartbeat costs one
    /// round trip to the store. One that was sent no later than the end of its session (`sent_at`) changes nothing.
    #[oai(path = "/heartbeat", method = "post", operation_id = "heartbeat")]
    async fn heartbeat(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<HeartbeatRequest>,
    ) -> Answer<RawJson<OutcomeResponse>, BodyErrors> {
        let (subject, beat) = self.heartbeat_of(request, body.0)?;
        let happened = self.presence.apply(PresenceCommand { subject, input: Input::Heartbeat(beat) }).await?;
        Ok(RawJson::by(|out| encode::happened(&happened, out)))
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
    ) -> Answer<RawJson<OutcomeResponse>, BodyErrors> {
        let (subject, beat) = self.heartbeat_of(request, body.0)?;
        let happened = self.presence.apply(PresenceCommand { subject, input: Input::Online(beat) }).await?;
        Ok(RawJson::by(|out| encode::happened(&happened, out)))
    }

    /// End a presence
    ///
    /// Ends one session, or all. The end of all is recorded in the change log even if the user was offline already.
    #[oai(path = "/offline", method = "post", operation_id = "offline")]
    async fn offline(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        Json(body): Json<OfflineRequest>,
    ) -> Answer<RawJson<OutcomeResponse>, BodyErrors> {
        let subject = self.subject(request, body.user_id, body.scope)?;
        let OfflineRequest { session, meta, sent_at, .. } = body;
        let input = Input::Offline { session, meta: meta.unwrap_or_default(), sent_at };
        let happened = self.presence.apply(PresenceCommand { subject, input }).await?;
        Ok(RawJson::by(|out| encode::happened(&happened, out)))
    }

    /// Record up to 1,000 signs of life
    ///
    /// All of them are refused if one is not as it must be; otherwise each has its result, in the order given.
    #[oai(path = "/heartbeats", method = "post", operation_id = "heartbeats")]
    async fn heartbeats(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<HeartbeatsRequest>,
    ) -> Answer<RawJson<Vec<OutcomeResponse>>, BodyErrors> {
        let HeartbeatsRequest(beats) = body.0;
        at_most("body", beats.len())?;
        let mut wanted = Vec::with_capacity(beats.len());
        for item in beats {
            let (subject, beat) = self.heartbeat_of(request, item)?;
            wanted.push(PresenceCommand { subject, input: Input::Heartbeat(beat) });
        }
        let happened = self.presence.apply_all(wanted).await?;
        Ok(RawJson::by(|out| encode::list(&happened, out, encode::happened)))
    }

    /// One user's presence
    ///
    /// The PHP facade's `status()`, and what the sidecar knows beyond it. A user token may ask for its own user.
    #[oai(path = "/status/:user_id", method = "get", operation_id = "status")]
    #[expect(clippy::too_many_arguments, reason = "each is a documented parameter")]
    async fn status(
        &self,
        request: &Request,
        auth: AnyAuth,
        /// The user; digits mean the number.
        user_id: Path<Id>,
        /// The scope's tenant.
        tenant: ScopeQuery,
        /// The scope's location.
        location: ScopeQuery,
        /// The scope's domain.
        domain: ScopeQuery,
        /// The scope's guard, `web` if left out.
        guard: ScopeQuery,
    ) -> Answer<RawJson<StatusResponse>, ReadErrors> {
        let scope = self.scope_key(request, auth.claims(), [tenant, location, domain, guard])?;
        let key = scope.user(&user_id.0);
        if let Some(claims) = auth.claims() {
            let own = subject_of(claims).map(|user| scope.user(&user));
            if own.as_ref() != Some(&key) {
                return Err(ApiError::Forbidden("The token is for another user.").into());
            }
        }
        let view = self.presence.status(key).await?;
        Ok(RawJson::by(|out| encode::status(&view, out)))
    }

    /// Many users' presence
    ///
    /// The PHP facade's `many()` in one round trip to the store: an object from id to presence.
    #[oai(path = "/many", method = "post", operation_id = "many")]
    async fn many(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        body: Json<ManyRequest>,
    ) -> Answer<RawJson<ManyResponse>, BodyErrors> {
        let ManyRequest { user_ids, scope } = body.0;
        at_most("user_ids", user_ids.len())?;
        let scope = self.scope(request, None, scope)?.key(self.rules.include_guard);
        let users: IndexSet<Id, RandomState> = user_ids.into_iter().map(Id::normalized).collect();
        let found = self.presence.many(UserQuery { scope, users: users.iter().cloned().collect() }).await?;
        Ok(RawJson::by(|out| encode::many(users.iter().zip(found.iter()), out)))
    }

    /// The members of a scope
    ///
    /// Users who are online or away, in pages. A page may be shorter than `limit` although more follow; go on until
    /// `next_cursor` is null.
    #[oai(path = "/roster", method = "get", operation_id = "roster")]
    #[expect(clippy::too_many_arguments, reason = "each is a documented parameter")]
    async fn roster(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        /// Only members who are `online`, or only those who are `away`.
        status: Query<Option<PresentWord>>,
        /// Most members on a page, 1 to 1,000; 100 if left out.
        limit: Query<Option<PageSize>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
        /// The scope's tenant.
        tenant: ScopeQuery,
        /// The scope's location.
        location: ScopeQuery,
        /// The scope's domain.
        domain: ScopeQuery,
        /// The scope's guard, `web` if left out.
        guard: ScopeQuery,
    ) -> Answer<RawJson<RosterResponse>, ReadErrors> {
        let scope = self.scope_key(request, None, [tenant, location, domain, guard])?;
        let (status, limit) = (status.0.map(Status::from), limit.0.unwrap_or_default().0);
        let (members, next) = self.presence.roster(&scope, status, cursor.0.as_deref(), limit).await?;
        Ok(RawJson::by(|out| {
            out.extend_from_slice(b"{\"data\":");
            encode::list(&members, out, encode::member);
            out.extend_from_slice(b",\"next_cursor\":");
            encode::json(&next.as_ref().map(UserKey::member), out);
            out.push(b'}');
        }))
    }

    /// How many members a scope has
    ///
    /// Kept up to date with every transition, so that asking costs the same however many there are.
    #[oai(path = "/counts", method = "get", operation_id = "counts")]
    async fn counts(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        /// The scope's tenant.
        tenant: ScopeQuery,
        /// The scope's location.
        location: ScopeQuery,
        /// The scope's domain.
        domain: ScopeQuery,
        /// The scope's guard, `web` if left out.
        guard: ScopeQuery,
    ) -> Answer<Json<CountsResponse>, ReadErrors> {
        let scope = self.scope_key(request, None, [tenant, location, domain, guard])?;
        let counts = self.presence.counts(&scope).await?;
        let (online, away) = (counts.online, counts.away);
        Ok(Json(CountsResponse { online, away, present: online + away }))
    }

    /// The change log
    ///
    /// Every transition of every scope, oldest first, to catch up with after downtime. Recorded exactly once; of two
    /// entries of one user the one with the greater `seq` is the later. Kept for `changes.keep_hours`: if something that
    /// followed `after` is gone, the answer is 409 and tells where what is left begins.
    #[oai(path = "/changes", method = "get", operation_id = "changes")]
    async fn changes(
        &self,
        _auth: ServiceAuth,
        /// `next_cursor` of the page before; from the beginning of the log if left out.
        after: Query<Option<ChangeCursor>>,
        /// Most entries on a page, 1 to 1,000; 100 if left out.
        limit: Query<Option<PageSize>>,
    ) -> Answer<Json<ChangesResponse>, CursorErrors> {
        let page = match self.presence.changes(after.0, limit.0.unwrap_or_default().0).await? {
            Changes::Page(page) => page,
            Changes::Trimmed(oldest) => return Err(ApiError::CursorExpired(oldest.to_string()).into()),
        };
        let next_cursor = page.end.or(after.0).unwrap_or(ChangeCursor::START);
        let answer = |(cursor, change): &(ChangeCursor, Change)| ChangeResponse::new(*cursor, change);
        Ok(Json(ChangesResponse { data: page.entries.iter().map(answer).collect(), next_cursor }))
    }

    /// Everybody who is present
    ///
    /// Of every scope, in pages, with the place in the change log that follows: take all pages, then the changes after
    /// `cursor`, and nothing is missed. A page may be empty although more follow, and a user may come twice; go on
    /// until `next_page` is null, and let the greater `seq` win.
    #[oai(path = "/snapshot", method = "get", operation_id = "snapshot")]
    async fn snapshot(
        &self,
        _auth: ServiceAuth,
        /// `next_page` of the page before.
        page: Query<Option<SnapshotPage>>,
        /// About how many users on a page, 1 to 1,000; 100 if left out.
        limit: Query<Option<PageSize>>,
    ) -> Answer<RawJson<SnapshotResponse>, ReadErrors> {
        let snapshot = self.presence.snapshot(page.0, limit.0.unwrap_or_default().0).await?;
        Ok(RawJson::by(|out| {
            out.extend_from_slice(b"{\"data\":");
            encode::list(&snapshot.users, out, encode::present);
            out.extend_from_slice(b",\"cursor\":");
            encode::json(&snapshot.cursor, out);
            out.extend_from_slice(b",\"next_page\":");
            encode::json(&snapshot.next, out);
            out.push(b'}');
        }))
    }

    /// The change log as it grows
    ///
    /// Server-InDoubtCommit Events: `id` is the cursor, `event` is `online`, `away` or `offline`, `data` an entry of the change
    /// log. Goes on behind `Last-Event-ID`, or begins now. An application is told everything; a browser, with a user
    /// token, what happens to the users its `watch` claim names, until the token expires.
    #[oai(path = "/stream", method = "get", operation_id = "stream")]
    async fn stream(
        &self,
        request: &Request,
        auth: StreamAuth,
        /// The cursor of the last entry that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<ChangeCursor>>,
        /// The same, where no header can be set.
        after: Query<Option<ChangeCursor>>,
        /// The user token, where no header can be set (`EventSource`).
        token: Query<Option<String>>,
    ) -> Answer<ChangeStream, CursorErrors> {
        let claims = match auth {
            StreamAuth::Service(_) => None,
            StreamAuth::User(UserAuth(claims)) => Some(claims),
            StreamAuth::Query => Some(auth::user_beside_header(request, token.0.as_deref())?),
        };
        let watched = self.watched(request, claims.as_ref())?;
        let after = last_event_id.0.or(after.0);
        if after.is_some()
            && let Changes::Trimmed(oldest) = self.presence.changes(after, 1).await?
        {
            return Err(ApiError::CursorExpired(oldest.to_string()).into());
        }
        let follower = self.feed.subscribe(after).await?;
        let lifetime = claims.and_then(|claims| claims.expires_in());
        Ok(ChangeStream::new(follower, watched, lifetime))
    }
}

fn at_most(field: &str, users: usize) -> Result<(), ApiError> {
    match users {
        0..=MAX_USERS => Ok(()),
        _ => Err(ApiError::invalid(field, "must not have more than 1000 items.")),
    }
}

/// The user that a token is for.
fn subject_of(claims: &Claims) -> Option<Id> {
    serde_json::from_value(claims.get("sub")?.clone()).ok()
}

/// The session that a token is for, if it names one: a text, or an integer, which is its digits.
///
/// # Errors
/// [`ApiError::Forbidden`] for a claim that is neither, or that no session can be called: a page does not get to choose
/// the session that its token was meant to name.
fn session_of(claims: &Claims) -> Result<Option<SessionId>, ApiError> {
    let named = match claims.get("sid") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) => SessionId::new(name).ok(),
        Some(Value::Number(number)) if !number.is_f64() => SessionId::new(&number.to_string()).ok(),
        Some(_) => None,
    };
    named.map(Some).ok_or(ApiError::Forbidden("The token's session is not usable."))
}
