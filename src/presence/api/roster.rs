//! Operations on the members of a scope.

use std::sync::Arc;

use poem::Request;
use poem_openapi::OpenApi;

use super::encode;
use super::errors::ReadErrors;
use super::responses::{CountsResponse, RosterResponse};
use super::schema::PresentStatus;
use super::scope::ScopeResolver;
use super::scope_param::ScopeQuery;
use super::tag::Tag;
use crate::http::auth::ServiceAuth;
use crate::http::json::RawJson;
use crate::http::{Documented, Json, PageSize};
use crate::presence::domain::identity::Scope;
use crate::presence::service::Presence;
use crate::presence::service::rosters;
use crate::presence::service::rosters::RosterPage;
use crate::query_parameters;

/// The operations on the members of a scope.
pub struct RosterApi {
    presence: Arc<Presence>,
    scopes: ScopeResolver,
}

impl RosterApi {
    /// The operations on the scopes of `presence`.
    pub fn new(presence: Arc<Presence>, scopes: ScopeResolver) -> Self {
        Self { presence, scopes }
    }
}

query_parameters! {
    /// A page of a roster.
    pub struct RosterQuery {
        /// Only members who are `online`, or only members who are `away`.
        status: Option<PresentStatus>,
        /// Maximum number of members on a page, 1 to 1,000; 100 by default.
        limit: Option<PageSize>,
        /// `next_cursor` of the previous page.
        cursor: Option<String>,
    }
}

type Response<T> = Result<T, Documented<ReadErrors>>;

#[OpenApi(prefix_path = "/api/v1/presence", tag = "Tag::Presence")]
impl RosterApi {
    /// List the members of a scope
    ///
    /// Users who are online or away, in pages. A page may be shorter than `limit` although more follow; continue until
    /// `next_cursor` is null.
    #[oai(path = "/roster", method = "get", operation_id = "roster")]
    async fn roster(
        &self,
        request: &Request,
        _auth: ServiceAuth,
        page: RosterQuery,
        scope: ScopeQuery,
    ) -> Response<RawJson<RosterResponse>> {
        let scope = self.scopes.resolve_key(request, None, &Scope::from(scope))?;
        let (status, limit) = (page.status.map(|status| status.0), page.limit.unwrap_or_default().0);
        let page = self.presence.roster(rosters::RosterPageQuery { scope, status, after: page.cursor, limit }).await?;
        let write = |page: &RosterPage, out: &mut Vec<u8>| encode::roster(&page.members, page.next.as_ref(), out);
        Ok(RawJson::shared(page.json_with(write)))
    }

    /// Count the members of a scope
    ///
    /// The counts are updated with every transition, so the cost does not depend on the number of members.
    #[oai(path = "/counts", method = "get", operation_id = "counts")]
    async fn counts(&self, request: &Request, _auth: ServiceAuth, scope: ScopeQuery) -> Response<Json<CountsResponse>> {
        let scope = self.scopes.resolve_key(request, None, &Scope::from(scope))?;
        Ok(Json(self.presence.counts(&scope).await?.into()))
    }
}
