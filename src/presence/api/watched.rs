//! The users that a token may watch: ids, or all users of the token's own scope; and their present state.

use std::collections::HashSet;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use poem::Request;
use poem_openapi::OpenApi;

use super::errors::ReadErrors;
use super::responses::WatchedResponse;
use super::scope::ScopeResolver;
use super::tag::Tag;
use super::{claims, encode};
use crate::http::auth::UserAuth;
use crate::http::json::RawJson;
use crate::http::token_verifier::Claims;
use crate::http::{ApiError, Documented, PageSize};
use crate::presence::domain::View;
use crate::presence::domain::identity::{Id, Scope, ScopeKey, UserKey};
use crate::presence::service::change_feed::Entry;
use crate::presence::service::rosters::RosterPageQuery;
use crate::presence::service::{MAX_USERS, Presence, RosterEntry};
use crate::presence::store::ChangeCursor;
use crate::query_parameters;

/// What a token may watch.
#[derive(Debug)]
pub(super) struct WatchFilter {
    scope: ScopeKey,
    users: WatchedUsers,
    include_guard: bool,
}

#[derive(Debug)]
enum WatchedUsers {
    /// These, and their ids as text.
    Listed(Vec<Id>, HashSet<String>),
    /// All of the scope.
    WholeScope,
}

/// A part of the present state: users with their `seq` and presence.
struct WatchedPage {
    users: Vec<(Id, u64, View)>,
    /// The position of the next page.
    next: Option<String>,
}

impl WatchFilter {
    /// What `claims` permit, in the scope that they name.
    ///
    /// # Errors
    /// The scope or the list of the claims is not usable.
    pub(super) fn new(scopes: &ScopeResolver, request: &Request, claims: &Claims) -> Result<Self, ApiError> {
        let scope = scopes.resolve_key(request, Some(claims), &Scope::default())?;
        let users = match claims::watches_scope(claims) {
            true => WatchedUsers::WholeScope,
            false => {
                let users = claims::watched_users(claims)?;
                let ids = users.iter().map(Id::to_string).collect();
                WatchedUsers::Listed(users, ids)
            }
        };
        Ok(Self { scope, users, include_guard: scopes.include_guard() })
    }

    /// The scope.
    pub(super) fn scope(&self) -> &ScopeKey {
        &self.scope
    }

    /// Whether a change is one of a watched user.
    pub(super) fn includes(&self, entry: &Entry) -> bool {
        let is_watched = match &self.users {
            WatchedUsers::Listed(_, ids) => ids.contains(&*entry.user),
            WatchedUsers::WholeScope => true,
        };
        is_watched && entry.scope.key(self.include_guard).as_str() == self.scope.as_str()
    }

    /// A page of the present state, behind `after`, in one round trip or, of a scope, two. Of a scope it has only users who
    /// are present.
    async fn page(&self, presence: &Presence, after: Option<&str>, limit: usize) -> Result<WatchedPage, ApiError> {
        let users = match &self.users {
            WatchedUsers::WholeScope => {
                let (scope, after) = (self.scope.clone(), after.map(str::to_owned));
                let page = presence.roster(RosterPageQuery { scope, status: None, after, limit }).await?;
                let user = |member: &RosterEntry| (member.user.clone(), member.seq, member.view.clone());
                let next = page.next.as_ref().map(|key| key.member().to_owned());
                return Ok(WatchedPage { users: page.members.iter().map(user).collect(), next });
            }
            WatchedUsers::Listed(users, _) => users,
        };
        // A cursor of another list is behind the end.
        let from = after.map_or(0, |after| after.parse().unwrap_or(usize::MAX)).min(users.len());
        let end = (from + limit).min(users.len());
        let keys: Vec<UserKey> = users[from..end].iter().map(|user| self.scope.user(user)).collect();
        let states = presence.states(&keys).await?.into_iter();
        let seen = states.map(|(state, view)| (state.map_or(0, |state| state.version), view));
        let page = users[from..end].iter().cloned().zip(seen).map(|(user, (seq, view))| (user, seq, view));
        Ok(WatchedPage { users: page.collect(), next: (end < users.len()).then(|| end.to_string()) })
    }

    /// The first events of a stream: snapshots of all watched users. The last one says so.
    ///
    /// # Errors
    /// The store is unavailable.
    pub(super) async fn opening(&self, presence: &Presence, cursor: &ChangeCursor) -> Result<Vec<Bytes>, ApiError> {
        let is_scope = matches!(self.users, WatchedUsers::WholeScope);
        let (mut texts, mut after) = (Vec::new(), None);
        loop {
            let page = self.page(presence, after.as_deref(), MAX_USERS).await?;
            let mut text = b"event: snapshot\ndata: ".to_vec();
            let is_last = page.next.is_none();
            // Writing into a Vec cannot fail.
            _ = write!(text, "{{\"cursor\":\"{cursor}\",\"scope\":{is_scope},\"last\":{is_last},\"users\":");
            encode::list(&page.users, &mut text, encode_user);
            text.extend_from_slice(b"}\n\n");
            texts.push(text.into());
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(texts),
            }
        }
    }
}

fn encode_user((user, seq, view): &(Id, u64, View), out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"user_id\":");
    encode::json(user, out);
    _ = write!(out, ",\"seq\":{seq},");
    encode::status_entries(view, out);
    out.push(b'}');
}

/// The operation on watched users.
pub struct WatchedApi {
    presence: Arc<Presence>,
    scopes: ScopeResolver,
}

impl WatchedApi {
    /// The operation on the users of `presence`.
    pub fn new(presence: Arc<Presence>, scopes: ScopeResolver) -> Self {
        Self { presence, scopes }
    }
}

query_parameters! {
    /// A page of watched users.
    pub struct WatchedQuery {
        /// Maximum number of users on a page, 1 to 1,000; 100 by default.
        limit: Option<PageSize>,
        /// `next_cursor` of the previous page.
        cursor: Option<String>,
    }
}

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Browsers")]
impl WatchedApi {
    /// Get the presence of the watched users
    ///
    /// Of the users in the claim `watch` of a user token: a list of ids, or `{"scope": true}` for all users of the token's own
    /// scope. Of a scope, only users who are present are returned. The stream begins with the same (`snapshot=1`).
    #[oai(path = "/watched", method = "get", operation_id = "watched")]
    async fn watched(
        &self,
        request: &Request,
        auth: UserAuth,
        query: WatchedQuery,
    ) -> Result<RawJson<WatchedResponse>, Documented<ReadErrors>> {
        let filter = WatchFilter::new(&self.scopes, request, &auth.0)?;
        let limit = query.limit.unwrap_or_default().0;
        let page = filter.page(&self.presence, query.cursor.as_deref(), limit).await?;
        Ok(RawJson::write_with(|out| {
            out.extend_from_slice(b"{\"data\":");
            encode::list(&page.users, out, encode_user);
            out.extend_from_slice(b",\"next_cursor\":");
            encode::json(&page.next, out);
            out.push(b'}');
        }))
    }
}
