//! Response bodies of the presence API. The most frequent ones are written by [`encode`](super::encode); there the types
//! are the schema, and a test compares both.

use indexmap::IndexMap;
use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use serde::{Deserialize, Serialize};

use super::scope_param::ScopeBody;
use super::time::JsonTime;
use crate::openapi_by_serde;
use crate::presence::domain::identity::{Id, Meta, SessionId, UserKey};
use crate::presence::domain::{Cause, Change, SessionView, Status, Transition, View};
use crate::presence::service::commit::CommandOutcome;
use crate::presence::service::{RosterEntry, Snapshot, SnapshotEntry};
use crate::presence::store::{ChangeCursor, Counts};

/// A user's presence.
// A part of four answers: status, heartbeat, roster and snapshot. In OpenAPI it is `Status`; the domain's `Status` is
// `StatusWord` there.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Status")]
pub struct StatusResponse {
    /// Online, away or offline.
    status: Status,
    /// The time of the latest heartbeat; null if none is known.
    last_seen_at: Option<JsonTime>,
    /// Whole seconds since then.
    seconds_ago: Option<i64>,
    /// The data of the latest heartbeat; `[]` if empty, as in PHP.
    meta: Meta,
    /// The time of the latest active heartbeat; kept after the user went offline.
    last_online_at: Option<JsonTime>,
    /// The sessions that have not timed out.
    sessions: Vec<SessionResponse>,
}

/// A session: a tab or device.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Session")]
pub struct SessionResponse {
    /// The session's name.
    id: SessionId,
    /// Online or away.
    status: Status,
    /// The time of its latest heartbeat.
    last_seen_at: JsonTime,
}

impl From<View> for StatusResponse {
    fn from(view: View) -> Self {
        let session =
            |SessionView { id, status, last_seen }| SessionResponse { id, status, last_seen_at: last_seen.into() };
        Self {
            status: view.status,
            last_seen_at: view.last_seen.map(JsonTime::from),
            seconds_ago: view.seconds_ago,
            meta: view.meta,
            last_online_at: view.last_online.map(JsonTime::from),
            sessions: view.sessions.into_iter().map(session).collect(),
        }
    }
}

/// The presence after the call, and the transition it caused.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Result")]
pub struct OutcomeResponse {
    /// The presence.
    #[oai(flatten)]
    #[serde(flatten)]
    status: StatusResponse,
    /// The transition that the call caused: `came_online` (from offline), `went_offline`, or null.
    transition: Option<Transition>,
}

impl From<CommandOutcome> for OutcomeResponse {
    fn from(outcome: CommandOutcome) -> Self {
        Self { status: outcome.view.into(), transition: outcome.transition }
    }
}

/// A user's presence as the PHP facade returns it.
#[derive(Debug, Object, Deserialize, Serialize)]
#[oai(rename = "Brief")]
pub struct BriefResponse {
    /// Online, away or offline.
    status: Status,
    /// The time of the latest heartbeat; null if none is known.
    last_seen_at: Option<JsonTime>,
    /// Whole seconds since then.
    seconds_ago: Option<i64>,
    /// The data of the latest heartbeat; `[]` if empty, as in PHP.
    meta: Meta,
}

impl From<View> for BriefResponse {
    fn from(View { status, last_seen, seconds_ago, meta, .. }: View) -> Self {
        Self { status, last_seen_at: last_seen.map(JsonTime::from), seconds_ago, meta }
    }
}

/// Users and their presence, each once, in the order of the request.
#[derive(Debug, Deserialize, Serialize)]
pub struct ManyResponse(IndexMap<String, BriefResponse>);

openapi_by_serde!(ManyResponse, "ManyAnswer", MetaSchema {
    additional_properties: Some(Box::new(BriefResponse::schema_ref())),
    ..MetaSchema::new("object")
}, of BriefResponse);

impl FromIterator<(String, BriefResponse)> for ManyResponse {
    fn from_iter<I: IntoIterator<Item = (String, BriefResponse)>>(users: I) -> Self {
        Self(users.into_iter().collect())
    }
}

/// A member of a scope.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Member")]
pub struct MemberResponse {
    /// The user's id, with its type kept.
    user_id: Id,
    /// The presence.
    #[oai(flatten)]
    #[serde(flatten)]
    status: StatusResponse,
}

/// A page of a roster.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Roster")]
pub struct RosterResponse {
    /// The members, ordered by their ids as text.
    data: Vec<MemberResponse>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

impl RosterResponse {
    /// A page of `members`, before the member `next`.
    pub fn new(members: Vec<RosterEntry>, next: Option<&UserKey>) -> Self {
        let member = |RosterEntry { user, view, .. }| MemberResponse { user_id: user, status: view.into() };
        let next_cursor = next.map(|key| key.member().to_string());
        Self { data: members.into_iter().map(member).collect(), next_cursor }
    }
}

/// The number of members of a scope.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Counts")]
pub struct CountsResponse {
    /// Users who are online.
    online: u64,
    /// Users who are away.
    away: u64,
    /// The sum of both.
    present: u64,
}

impl From<Counts> for CountsResponse {
    fn from(Counts { online, away }: Counts) -> Self {
        Self { online, away, present: online + away }
    }
}

/// An entry of the change log.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Change")]
pub struct ChangeResponse {
    /// The entry's position in the log; pass it as `after` to continue behind it.
    cursor: ChangeCursor,
    /// The entry's id, the same as in webhooks.
    id: String,
    /// The user's hybrid clock: of two entries of a user, the one with the greater `seq` is the later.
    seq: u64,
    /// The user's id, with its type kept.
    user_id: Id,
    /// The scope.
    scope: ScopeBody,
    /// The event: the status that began, or was announced again.
    pub(super) event: Status,
    /// The status after the change.
    status: Status,
    /// The status before; equal to `status` if an explicit call announced it again.
    previous: Status,
    /// The time of the change: that of the call, or of the timeout.
    occurred_at: JsonTime,
    /// Why it was recorded; null in entries of releases without causes.
    cause: Option<Cause>,
    /// The data of the call, or of the latest heartbeat.
    meta: Meta,
}

impl ChangeResponse {
    /// The entry of the change log at `cursor`.
    pub(super) fn new(cursor: &ChangeCursor, change: &Change) -> Self {
        Self {
            cursor: cursor.clone(),
            id: change.id.to_string(),
            seq: change.seq,
            user_id: change.user_id.clone(),
            scope: change.scope.clone().into(),
            event: change.status,
            status: change.status,
            previous: change.previous,
            occurred_at: change.occurred_at.into(),
            cause: change.cause,
            meta: change.meta.clone(),
        }
    }
}

/// A page of the change log.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Changes")]
pub struct ChangesResponse {
    /// The entries, oldest first.
    pub(super) data: Vec<ChangeResponse>,
    /// The cursor of the next page; valid even if there are no entries yet.
    pub(super) next_cursor: ChangeCursor,
}

/// A page of all users who are present.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Snapshot")]
pub struct SnapshotResponse {
    /// Users who are present; all others are offline.
    data: Vec<PresentResponse>,
    /// The cursor after which the change log continues; the same on every page.
    cursor: ChangeCursor,
    /// The next page; null on the last page.
    next_page: Option<String>,
}

/// A user who is present.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Present")]
pub struct PresentResponse {
    /// The user's id, with its type kept.
    user_id: Id,
    /// The scope.
    scope: ScopeBody,
    /// The user's hybrid clock: changes with a smaller or equal `seq` are included.
    seq: u64,
    /// The presence.
    #[oai(flatten)]
    #[serde(flatten)]
    status: StatusResponse,
}

impl From<SnapshotEntry> for PresentResponse {
    fn from(SnapshotEntry { state, view }: SnapshotEntry) -> Self {
        Self { user_id: state.user, scope: state.scope.into(), seq: state.version, status: view.into() }
    }
}

impl From<Snapshot> for SnapshotResponse {
    fn from(Snapshot { cursor, users, next }: Snapshot) -> Self {
        Self {
            data: users.into_iter().map(PresentResponse::from).collect(),
            cursor,
            next_page: next.map(|page| page.to_string()),
        }
    }
}

/// A page of watched users.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Watched")]
pub struct WatchedResponse {
    /// The users.
    data: Vec<WatchedUserResponse>,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
}

/// A user that a token may watch.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WatchedUser")]
pub struct WatchedUserResponse {
    /// The user's id, with its type kept.
    user_id: Id,
    /// The user's hybrid clock: changes with a smaller or equal `seq` are included. 0 if the user is not remembered.
    seq: u64,
    /// The presence.
    #[oai(flatten)]
    #[serde(flatten)]
    status: StatusResponse,
}

/// The response of the PHP package's heartbeat route.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Ok")]
pub struct OkResponse {
    /// Always true.
    pub ok: bool,
}
