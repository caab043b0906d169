//! Operations that explain: a user's last changes, and why the user has a status.

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::errors::ReadErrors;
use super::responses::ChangeResponse;
use super::schema::{HistoryLimit, UserIdParam};
use super::scope::ScopeResolver;
use super::scope_param::ScopeQuery;
use super::tag::Tag;
use super::time::JsonTime;
use crate::http::auth::ServiceAuth;
use crate::http::{Documented, Json};
use crate::presence::domain::identity::{Scope, SessionId};
use crate::presence::domain::{RecordLookup, Session, Status, Timestamp, Windows};
use crate::presence::service::Presence;
use crate::presence::service::explain::{ExplainedUser, Explainer, WaitingJobs};
use crate::query_parameters;

/// The operations that explain.
pub struct ExplainApi {
    presence: Arc<Presence>,
    explainer: Explainer,
    scopes: ScopeResolver,
}

impl ExplainApi {
    /// The operations on the users of `presence`.
    pub fn new(presence: Arc<Presence>, explainer: Explainer, scopes: ScopeResolver) -> Self {
        Self { presence, explainer, scopes }
    }
}

query_parameters! {
    /// The length of a history.
    pub struct HistoryQuery {
        /// Maximum number of changes, 1 to 100; 20 by default.
        limit: Option<HistoryLimit>,
    }
}

/// The last changes of a user.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "History")]
pub struct HistoryResponse {
    /// Entries of the change log, newest first.
    data: Vec<ChangeResponse>,
}

/// Why a user has a status.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Explanation")]
pub struct ExplanationResponse {
    /// The logical cache key of the user in the scope, before the prefixes of Redis and cache.
    key: String,
    /// The status, as `status` returns it.
    status: Status,
    /// The time at which it began; null if the user is not remembered.
    since: Option<JsonTime>,
    /// Why the user has the status, in sentences, the most important first.
    reasons: Vec<String>,
    /// What would change it, in sentences.
    would_change: Vec<String>,
    /// The newest entry of the change log; null if there is none.
    last_change: Option<ChangeResponse>,
    /// What time alone changes next; null for a user who is offline.
    next: Option<NextChangeResponse>,
    /// The sessions.
    sessions: Vec<SessionDetailResponse>,
    /// The Laravel record: `found`, `missing`, or `unreadable`.
    record: String,
    /// The time of the heartbeat in the Laravel record; null without one.
    record_last_seen_at: Option<JsonTime>,
    /// Deliveries of this user that wait, by endpoint.
    deliveries: Vec<WaitingResponse>,
}

/// What time alone changes next.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "NextChange")]
pub struct NextChangeResponse {
    /// The status that begins.
    status: Status,
    /// The time at which it begins if no heartbeat comes.
    at: JsonTime,
}

/// A session, with the times at which it stops counting.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "SessionDetail")]
pub struct SessionDetailResponse {
    /// The session's name.
    id: SessionId,
    /// Whether the user was active in it, according to its latest heartbeat.
    active: bool,
    /// The time of its latest heartbeat.
    last_seen_at: JsonTime,
    /// The time at which it is no longer active; null if it is not active.
    away_at: Option<JsonTime>,
    /// The time at which it times out.
    offline_at: JsonTime,
}

/// Deliveries that wait.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WaitingDeliveries")]
pub struct WaitingResponse {
    /// The endpoint's name.
    endpoint: String,
    /// The number of deliveries, at most 100.
    waiting: usize,
    /// The time at which the oldest of them was queued.
    oldest_queued_at: JsonTime,
    /// The time of its next attempt.
    next_try_at: Option<JsonTime>,
    /// The number of its attempts.
    tries: u32,
    /// The result of its last attempt.
    last: Option<String>,
}

impl ExplanationResponse {
    fn new(key: &str, user: ExplainedUser, windows: &Windows) -> Self {
        let ExplainedUser { explanation, state, record, last, waiting } = user;
        let session = |session: &Session| SessionDetailResponse {
            id: session.id.clone(),
            active: session.active,
            last_seen_at: session.seen.into(),
            away_at: session.active.then(|| session.seen.plus(windows.away_after).into()),
            offline_at: session.seen.plus(windows.ttl).into(),
        };
        let (form, seen) = match &record {
            RecordLookup::Found(record) => ("found", Some(record.last_seen)),
            RecordLookup::Unreadable(_) => ("unreadable", None),
            RecordLookup::Missing | RecordLookup::Unknown => ("missing", None),
        };
        Self {
            key: key.to_owned(),
            status: explanation.status,
            since: state.as_ref().map(|state| state.since.into()),
            reasons: explanation.reasons,
            would_change: explanation.remedies,
            last_change: last.map(|(cursor, change)| ChangeResponse::new(&cursor, &change)),
            next: explanation.next.map(|(status, at)| NextChangeResponse { status, at: at.into() }),
            sessions: state.iter().flat_map(|state| &state.sessions).map(session).collect(),
            record: form.to_owned(),
            record_last_seen_at: seen.map(JsonTime::from),
            deliveries: waiting.into_iter().map(WaitingResponse::from).collect(),
        }
    }
}

impl From<WaitingJobs> for WaitingResponse {
    fn from(WaitingJobs { queue, count, first }: WaitingJobs) -> Self {
        let time = |millis: i64| JsonTime::from(Timestamp::from_micros(millis.saturating_mul(1_000)));
        Self {
            endpoint: queue,
            waiting: count,
            oldest_queued_at: time(first.pushed_at),
            next_try_at: first.next_at.map(time),
            tries: first.attempts.count,
            last: Some(first.attempts.last).filter(|last| !last.is_empty()),
        }
    }
}

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Presence")]
impl ExplainApi {
    /// List a user's last changes
    ///
    /// From the change log, by an index: newest first, at most 100. Entries are kept for `changes.keep_hours`.
    #[oai(path = "/history/:user_id", method = "get", operation_id = "history")]
    async fn history(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        /// The user's id; digits are a number.
        user_id: Path<UserIdParam>,
        query: HistoryQuery,
        scope: ScopeQuery,
    ) -> Result<Json<HistoryResponse>, Documented<ReadErrors>> {
        let key = self.scopes.resolve_key(request, None, &Scope::from(scope))?.user(&user_id.0.0);
        let changes = self.presence.history(&key, query.limit.unwrap_or_default().0).await?;
        let data = changes.iter().map(|(cursor, change)| ChangeResponse::new(cursor, change)).collect();
        Ok(Json(HistoryResponse { data }))
    }

    /// Explain a user's presence
    ///
    /// Why the user is online, away or offline, and what would change it: the last change with its cause, the sessions, the
    /// Laravel record, the next timeout, and deliveries that wait. For people; the sentences may change between releases.
    #[oai(path = "/explain/:user_id", method = "get", operation_id = "explain")]
    async fn explain(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        /// The user's id; digits are a number.
        user_id: Path<UserIdParam>,
        scope: ScopeQuery,
    ) -> Result<Json<ExplanationResponse>, Documented<ReadErrors>> {
        let key = self.scopes.resolve_key(request, None, &Scope::from(scope))?.user(&user_id.0.0);
        let user = self.explainer.explain(&key).await?;
        Ok(Json(ExplanationResponse::new(key.as_str(), user, &self.explainer.windows)))
    }
}
