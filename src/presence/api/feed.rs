//! Operations on the change log: its pages, a snapshot to begin with, and the stream.

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::Header;
use tokio_util::sync::CancellationToken;

use super::browser::browser_meta;
use super::errors::{CursorErrors, StreamErrors, page_of};
use super::responses::{ChangeResponse, ChangesResponse, SnapshotResponse};
use super::schema::{Flag, ResumePoint};
use super::scope::ScopeResolver;
use super::stream::{ChangeStream, StreamLifetime};
use super::stream_limits::{StreamLimits, StreamOwner};
use super::tag::Tag;
use super::watched::WatchFilter;
use super::{claims, encode, event_source};
use crate::http::auth::{ServiceAuth, StreamAuth, UserAuth};
use crate::http::json::RawJson;
use crate::http::token_verifier::Claims;
use crate::http::{ApiError, ClientIp, Documented, Json, PageSize, address, auth};
use crate::presence::domain::Change;
use crate::presence::domain::identity::{Scope, SessionId, Subject};
use crate::presence::service::change_feed::ChangeFeed;
use crate::presence::service::connection::{ConnectedSession, ConnectionGuard, ConnectionRules};
use crate::presence::service::{Presence, SnapshotPage};
use crate::presence::store::{ChangeCursor, PageLimit};
use crate::query_parameters;

/// The operations on the change log.
pub struct FeedApi {
    presence: Arc<Presence>,
    scopes: ScopeResolver,
    streams: Streams,
}

/// What streams are made of.
pub struct Streams {
    /// The feed that they follow.
    pub feed: ChangeFeed,
    /// How many may be open.
    pub limits: StreamLimits,
    /// How long a client may take for one text.
    pub stall: Duration,
    /// How long a session outlives the stream that kept its user online.
    pub grace: Duration,
    /// Cancelled when the sidecar stops.
    pub stop: CancellationToken,
}

impl FeedApi {
    /// The operations on the change log of `presence`.
    pub fn new(presence: Arc<Presence>, streams: Streams, scopes: ScopeResolver) -> Self {
        Self { presence, scopes, streams }
    }

    async fn open_stream(
        &self,
        request: &Request,
        auth: StreamAuth,
        last_event_id: Option<ChangeCursor>,
        query: &StreamQuery,
    ) -> Result<ChangeStream, ApiError> {
        let is_event_source = event_source::is_of(request, &auth);
        let claims = match auth {
            StreamAuth::Service(_) => None,
            StreamAuth::User(UserAuth(claims)) => Some(claims),
            StreamAuth::Query => Some(auth::user_beside_header(request, query.token.as_deref())?),
        };
        // An application may watch all.
        let filter = claims.as_ref().map(|claims| WatchFilter::new(&self.scopes, request, claims)).transpose()?;
        let owner = filter.as_ref().zip(claims.as_ref());
        let owner = owner.map(|(filter, claims)| Self::owner(filter, claims, (request, is_event_source)));
        let permit = self.streams.limits.acquire(owner)?;
        let end = permit.end.clone();
        let wants_snapshot = Flag::is_set(query.snapshot) && last_event_id.is_none();
        let after = last_event_id.or_else(|| query.after.clone().and_then(|ResumePoint(cursor)| cursor));
        let after = if wants_snapshot { None } else { after };
        let subscription = match self.streams.feed.subscribe(after).await? {
            Ok(subscription) => subscription,
            Err(gone) => return Err(page_of(gone).map_or_else(|error| error, |_| ApiError::Internal)),
        };
        // The position first: what changes meanwhile follows as an event.
        let opening = match &filter {
            Some(filter) if wants_snapshot => filter.opening(&self.presence, subscription.position()).await?,
            _ => Vec::new(),
        };
        let guard = self.connection(request, claims.as_ref(), query, &end)?;
        let total = claims.and_then(|claims| claims.expires_in());
        let lifetime = StreamLifetime { total, stall: self.streams.stall };
        let stream = ChangeStream::new(subscription, filter, lifetime, permit).with_opening(opening).holding(guard);
        Ok(match is_event_source {
            true => stream.with_closing(end, self.streams.stop.clone()),
            false => stream,
        })
    }

    /// Begins to keep the user online, if the stream is to do so.
    fn connection(
        &self,
        request: &Request,
        claims: Option<&Claims>,
        query: &StreamQuery,
        end: &CancellationToken,
    ) -> Result<Option<ConnectionGuard>, ApiError> {
        if !Flag::is_set(query.presence) {
            return Ok(None);
        }
        let claims = claims.ok_or_else(|| ApiError::invalid("presence", "needs a user token."))?;
        let user = claims::user(claims).ok_or(ApiError::Unauthenticated)?;
        let scope = self.scopes.resolve(request, Some(claims), &Scope::default())?;
        let address = request.data::<ClientIp>().copied();
        let session = ConnectedSession {
            subject: Subject::new(user, scope, self.scopes.include_guard()),
            session: claims::session(claims)?.or_else(|| query.session.clone()).unwrap_or_default(),
            active: query.active.is_none_or(|active| active.0),
            meta: address.map_or_else(Default::default, |address| browser_meta(request, address).into()),
        };
        let rules = ConnectionRules { grace: self.streams.grace, stop: end.clone() };
        Ok(Some(session.connect(self.presence.clone(), rules)))
    }

    /// Who opens a stream, for the limits.
    fn owner(filter: &WatchFilter, claims: &Claims, (request, is_event_source): (&Request, bool)) -> StreamOwner {
        let user = claims::user(claims).map_or_else(String::new, |user| user.to_string());
        StreamOwner { user: format!("{}|{user}", filter.scope().as_str()), address: address(request), is_event_source }
    }
}

query_parameters! {
    /// A page of the change log.
    pub struct ChangesQuery {
        /// `next_cursor` of the previous page; the beginning of the log by default.
        after: Option<ChangeCursor>,
        /// Maximum number of entries on a page, 1 to 1,000; 100 by default.
        limit: Option<PageSize>,
    }
}

query_parameters! {
    /// A page of a snapshot.
    pub struct SnapshotQuery {
        /// `next_page` of the previous page.
        page: Option<SnapshotPage>,
        /// Approximate number of users on a page, 1 to 1,000; 100 by default.
        limit: Option<PageSize>,
    }
}

query_parameters! {
    /// What a browser cannot put into headers.
    pub struct StreamQuery {
        /// The same as `Last-Event-ID`, for clients that cannot set headers.
        after: Option<ResumePoint>,
        /// The user token, for clients that cannot set headers (`EventSource`).
        token: Option<String>,
        /// Whether the first event is a snapshot of the watched users: with a user token, unless it continues after a
        /// `Last-Event-ID`.
        snapshot: Option<Flag>,
        /// Whether the open stream keeps its user online: with a user token. Its session ends `stream.grace_seconds` after the
        /// stream, unless it is continued.
        presence: Option<Flag>,
        /// Whether the user is active in the page that opens the stream; true by default.
        active: Option<Flag>,
        /// The session: the tab or browser. The token's `sid` has precedence.
        session: Option<SessionId>,
    }
}

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Presence")]
impl FeedApi {
    /// Read the change log
    ///
    /// Every transition of every scope, oldest first, to catch up with after downtime. Each is recorded exactly once; of
    /// two entries of a user, the one with the greater `seq` is the later. Entries are kept for `changes.keep_hours`: if
    /// entries after `after` are gone, the response is 409, with the cursor at which the kept ones begin; also if `after`
    /// is not of this change log, because the store was emptied or restored. A page has at most 1 MiB of entries.
    #[oai(path = "/changes", method = "get", operation_id = "changes")]
    async fn changes(
        &self,
        _auth: ServiceAuth,
        query: ChangesQuery,
    ) -> Result<Json<ChangesResponse>, Documented<CursorErrors>> {
        let limit = PageLimit::of_entries(query.limit.unwrap_or_default().0);
        let page = page_of(self.presence.changes(query.after.clone(), limit).await?)?;
        let next_cursor = page.end.or(query.after).unwrap_or(ChangeCursor::START);
        let entry = |(cursor, change): &(ChangeCursor, Change)| ChangeResponse::new(cursor, change);
        Ok(Json(ChangesResponse { data: page.entries.iter().map(entry).collect(), next_cursor }))
    }

    /// Take a snapshot of all present users
    ///
    /// Of every scope, in pages, with the cursor of the change log that follows: read all pages, then the changes after
    /// `cursor`, and nothing is missed. A page may be empty although more follow, and a user may appear twice; continue
    /// until `next_page` is null, and keep the entry with the greater `seq`. If the response is 409, begin again.
    #[oai(path = "/snapshot", method = "get", operation_id = "snapshot")]
    async fn snapshot(
        &self,
        _auth: ServiceAuth,
        query: SnapshotQuery,
    ) -> Result<RawJson<SnapshotResponse>, Documented<CursorErrors>> {
        if let Some(page) = &query.page {
            page_of(self.presence.changes(Some(page.cursor.clone()), PageLimit::NOTHING).await?)?;
        }
        let snapshot = self.presence.snapshot(query.page, query.limit.unwrap_or_default().0).await?;
        Ok(RawJson::write_with(|out| encode::snapshot(&snapshot, out)))
    }

    /// Stream the change log
    ///
    /// Server-Sent Events: `id` is the cursor, `event` is `online`, `away` or `offline`, `data` is an entry of the change
    /// log. The first event, and one every 15 seconds without a change, is `place`: its `data` is `{"cursor": …}`, the
    /// position to continue from. Continues after `Last-Event-ID`, or begins now. An application receives all entries; a
    /// browser, with a user token, receives the entries of the users in its `watch` claim, until the token expires. The
    /// number of open streams is limited: in all (503), and for user tokens per user and per address (429). A client that
    /// does not read is disconnected, and continues after its last cursor.
    ///
    /// An `EventSource` (a `token` in the query, and `Accept: text/event-stream`) gets errors as a 200 with one event `refused`
    /// (`status`, `reason`, `message`, `retry`), since any other status would end it for good; and an event `closing` before the
    /// sidecar stops (`reason` is `shutdown`), or where too many streams are open in all and it is the oldest of an
    /// `EventSource` (`load`). All have a `retry:`.
    #[oai(path = "/stream", method = "get", operation_id = "stream")]
    async fn stream(
        &self,
        request: &Request,
        auth: StreamAuth,
        /// The cursor of the last entry that was received.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<ResumePoint>>,
        query: StreamQuery,
    ) -> Result<ChangeStream, Documented<StreamErrors>> {
        let last_event_id = last_event_id.0.and_then(|ResumePoint(cursor)| cursor);
        let is_event_source = event_source::is_of(request, &auth);
        match self.open_stream(request, auth, last_event_id, &query).await {
            Err(error) if is_event_source => Ok(ChangeStream::refused(event_source::refused(&error))),
            opened => Ok(opened?),
        }
    }
}
