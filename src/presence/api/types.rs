//! Bodies of the presence API.

use indexmap::IndexMap;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{Example, ParseError, ParseFromParameter, ParseResult};
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::scope_param::{ScopeBody, ScopeParam};
use crate::php::{Array, date};
use crate::presence::domain::identity::{Id, MAX_LENGTH, Meta, SessionId};
use crate::presence::domain::{Change, DeviceTime, Status, Timestamp};
use crate::presence::service::{MAX_USERS, SnapshotPage};
use crate::presence::store::ChangeCursor;
use crate::{objects_only, openapi_by_serde, openapi_type};

const NAME: &str = "^[^|\\u0000-\\u001f\\u007f-\\u009f]*$";

/// The largest double below 2^63: a schema's bounds are doubles.
const LARGEST_INTEGER: f64 = 9_223_372_036_854_774_784.0;

fn name_schema(example: &str) -> MetaSchema {
    MetaSchema {
        max_length: Some(MAX_LENGTH),
        pattern: Some(NAME.to_owned()),
        example: Some(example.into()),
        ..MetaSchema::new("string")
    }
}

fn integer_schema() -> MetaSchema {
    let (minimum, maximum) = (Some(-LARGEST_INTEGER), Some(LARGEST_INTEGER));
    MetaSchema { format: Some("int64"), minimum, maximum, ..MetaSchema::new("integer") }
}

fn id_schema(description: &'static str) -> MetaSchema {
    let integer = integer_schema();
    MetaSchema {
        description: Some(description),
        example: Some(42.into()),
        one_of: vec![MetaSchemaRef::Inline(Box::new(integer)), MetaSchemaRef::Inline(Box::new(name_schema("u-1")))],
        ..MetaSchema::ANY
    }
}

openapi_by_serde!(
    Id,
    "Id",
    id_schema(
        "A string without `|` and control characters (at most 255 characters), or a 64-bit integer; its type is kept."
    )
);
impl ParseFromParameter for Id {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Self::from_path(text).map_err(ParseError::custom)
    }
}

impl ParseFromParameter for ChangeCursor {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

openapi_by_serde!(
    ChangeCursor,
    "Cursor",
    MetaSchema {
        pattern: Some("^[0-9]{1,19}-[0-9]{1,19}$".to_owned()),
        example: Some("1772600767000-0".into()),
        ..MetaSchema::new("string")
    }
);

/// The status of a user who is present.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PresentWord {
    /// At least one session is active and fresh.
    Online,
    /// No session is active, but at least one is fresh.
    Away,
}

impl From<PresentWord> for Status {
    fn from(word: PresentWord) -> Self {
        match word {
            PresentWord::Online => Self::Online,
            PresentWord::Away => Self::Away,
        }
    }
}

impl ParseFromParameter for PresentWord {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            "online" => Ok(Self::Online),
            "away" => Ok(Self::Away),
            _ => Err(ParseError::custom("must be online or away.")),
        }
    }
}

openapi_by_serde!(
    PresentWord,
    "PresentWord",
    MetaSchema { enum_items: vec!["online".into(), "away".into()], ..MetaSchema::new("string") }
);

openapi_by_serde!(SessionId, "SessionId", name_schema("tab-1"));
openapi_by_serde!(
    DeviceTime,
    "DeviceTime",
    MetaSchema { example: Some(1_772_600_767_000_i64.into()), ..integer_schema() }
);
openapi_by_serde!(Meta, "Meta", {
    let kind = |kind| {
        let items = (kind == "array").then(|| Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))));
        MetaSchemaRef::Inline(Box::new(MetaSchema { items, ..MetaSchema::new(kind) }))
    };
    MetaSchema {
        description: Some("A JSON object or array of at most 8 KiB, kept beside the user as a PHP array."),
        one_of: vec![kind("object"), kind("array")],
        example: Some(serde_json::json!({"device": "phone"})),
        ..MetaSchema::ANY
    }
});

openapi_by_serde!(
    JsonTime,
    "Moment",
    MetaSchema {
        format: Some("date-time"),
        example: Some("2026-03-04T05:06:07.000000Z".into()),
        ..MetaSchema::new("string")
    }
);

/// A point in time as Carbon writes it into JSON: UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonTime(Timestamp);

impl From<Timestamp> for JsonTime {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl<'de> Deserialize<'de> for JsonTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = date::parse(&text, 0).map_err(serde::de::Error::custom)?;
        Ok(Self(Timestamp::from_micros(moment.micros)))
    }
}

impl Serialize for JsonTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&date::to_json(self.0.micros()))
    }
}

/// A sign of life.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Heartbeat", example)]
#[serde(remote = "Self", expecting = "an object")]
pub struct HeartbeatRequest {
    /// The user.
    pub user_id: Id,
    /// What to keep beside the user; replaces what was there, and left out empties it.
    #[serde(default, deserialize_with = "meta")]
    pub meta: Option<Meta>,
    /// Where.
    pub scope: Option<ScopeParam>,
    /// The tab or device, `default` if left out.
    pub session: Option<SessionId>,
    /// Whether the user is active there, `true` if left out.
    pub active: Option<bool>,
    /// When it is sent, by the clock of that tab or device, in milliseconds since 1970. If it is no later than the
    /// `sent_at` with which the session ended, this heartbeat has been overtaken by the end, and changes nothing.
    pub sent_at: Option<DeviceTime>,
}

impl Example for HeartbeatRequest {
    fn example() -> Self {
        let meta = Array::from_iter([("device", "phone")]);
        Self { user_id: 42.into(), meta: Some(meta.into()), scope: None, session: None, active: None, sent_at: None }
    }
}

/// Signs of life, at most 1,000.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct HeartbeatsRequest(pub Vec<HeartbeatRequest>);

openapi_type!(HeartbeatsRequest, "Heartbeats", MetaSchema {
    items: Some(Box::new(HeartbeatRequest::schema_ref())),
    max_items: Some(MAX_USERS),
    ..MetaSchema::new("array")
}, of HeartbeatRequest);

/// The end of a presence.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Offline")]
#[serde(remote = "Self", expecting = "an object")]
pub struct OfflineRequest {
    /// The user.
    pub user_id: Id,
    /// What the announcement brings along.
    #[serde(default, deserialize_with = "meta")]
    pub meta: Option<Meta>,
    /// Where.
    pub scope: Option<ScopeParam>,
    /// The tab or device that ends; left out, all of them do.
    pub session: Option<SessionId>,
    /// When it is sent, by the clock of the tab or device that ends, in milliseconds since 1970: its heartbeats that
    /// were sent no later, and arrive after this, change nothing. Says nothing if all of them end.
    pub sent_at: Option<DeviceTime>,
}

/// The users that are asked for.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Many")]
#[serde(remote = "Self", expecting = "an object")]
pub struct ManyRequest {
    /// At most 1,000 ids.
    #[oai(validator(max_items = 1000))]
    pub user_ids: Vec<Id>,
    /// Where.
    pub scope: Option<ScopeParam>,
}

objects_only!(HeartbeatRequest, OfflineRequest, ManyRequest);

/// Most bytes of a meta as JSON.
const MAX_META: usize = 8 * 1024;

/// A PHP array of at most [`MAX_META`] bytes of JSON.
fn meta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Meta>, D::Error> {
    use serde::de::Error;
    let Some(text) = Option::<&serde_json::value::RawValue>::deserialize(deserializer)? else { return Ok(None) };
    if text.get().len() > MAX_META {
        return Err(D::Error::custom("must not be greater than 8 KiB of JSON."));
    }
    if !text.get().starts_with(['{', '[']) {
        return Err(D::Error::custom("must be an object or an array."));
    }
    Meta::from_json(text.get()).map(Some).map_err(D::Error::custom)
}

/// A user's presence.
#[derive(Debug, Object)]
#[oai(rename = "Status")]
pub struct StatusResponse {
    /// Online, away or offline.
    status: StatusWord,
    /// The newest heartbeat; null when none is known any more.
    last_seen_at: Option<JsonTime>,
    /// Whole seconds since then.
    seconds_ago: Option<i64>,
    /// What it brought along; `[]` when empty, as in PHP.
    meta: Meta,
    /// The newest active heartbeat, also after the user went offline.
    last_online_at: Option<JsonTime>,
    /// The sessions that are fresh.
    sessions: Vec<SessionAnswer>,
}

/// One tab or device.
#[derive(Debug, Object)]
#[oai(rename = "Session")]
pub struct SessionAnswer {
    /// Its name.
    id: SessionId,
    /// Online or away.
    status: StatusWord,
    /// Its newest heartbeat.
    last_seen_at: JsonTime,
}

/// What a call led to.
#[derive(Debug, Object)]
#[oai(rename = "Result")]
pub struct OutcomeResponse {
    /// The presence.
    #[oai(flatten)]
    status: StatusResponse,
    /// What the call did to it: `came_online` (from offline), `went_offline`, or null.
    transition: Option<TransitionWord>,
}

/// What the PHP facade knows of a user.
#[derive(Debug, Object, Deserialize, Serialize)]
#[oai(rename = "Brief")]
pub struct BriefAnswer {
    /// Online, away or offline.
    status: StatusWord,
    /// The newest heartbeat; null when none is known any more.
    last_seen_at: Option<JsonTime>,
    /// Whole seconds since then.
    seconds_ago: Option<i64>,
    /// What it brought along; `[]` when empty, as in PHP.
    meta: Meta,
}

/// A member of a scope.
#[derive(Debug, Object)]
#[oai(rename = "Member")]
pub struct MemberAnswer {
    /// The user's id, its type kept.
    user_id: Id,
    /// The presence.
    #[oai(flatten)]
    status: StatusResponse,
}

/// One page of a roster.
#[derive(Debug, Object)]
#[oai(rename = "Roster")]
pub struct RosterResponse {
    /// Members, ordered by their ids as text.
    data: Vec<MemberAnswer>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// How many members a scope has.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Counts")]
pub struct CountsResponse {
    /// Users who are online.
    pub online: u64,
    /// Users who are away.
    pub away: u64,
    /// Both.
    pub present: u64,
}

/// An entry of the change log.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Change")]
pub struct ChangeResponse {
    /// The entry's place in the log, to go on from.
    pub cursor: ChangeCursor,
    /// Its id, the same in webhooks.
    id: String,
    /// The user's own clock: of two entries of a user the greater one is the later.
    seq: u64,
    /// The user's id, its type kept.
    user_id: Id,
    /// Where.
    scope: ScopeBody,
    /// What happened: the status that began, or was announced again.
    pub event: StatusWord,
    /// The status now.
    status: StatusWord,
    /// The status before; equal to `status` when an explicit call announced it again.
    previous: StatusWord,
    /// When: the moment of the call, or of the due time that passed.
    occurred_at: JsonTime,
    /// What the call, or the last heartbeat, brought along.
    meta: Meta,
}

/// One page of the change log.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Changes")]
pub struct ChangesResponse {
    /// Entries, oldest first.
    pub data: Vec<ChangeResponse>,
    /// Where the next page begins, also when there is nothing there yet.
    pub next_cursor: ChangeCursor,
}

/// Everybody who is present, or a page of them.
#[derive(Debug, Object)]
#[oai(rename = "Snapshot")]
pub struct SnapshotResponse {
    /// Users who are present; everybody else is offline.
    data: Vec<PresentAnswer>,
    /// The place in the change log to go on from; the same on every page.
    cursor: ChangeCursor,
    /// Where the next page begins; null at the end.
    next_page: Option<String>,
}

/// A user who is present.
#[derive(Debug, Object)]
#[oai(rename = "Present")]
pub struct PresentAnswer {
    /// The user's id, its type kept.
    user_id: Id,
    /// Where.
    scope: ScopeBody,
    /// The user's own clock: changes with a smaller one are in here already.
    seq: u64,
    /// The presence.
    #[oai(flatten)]
    status: StatusResponse,
}

openapi_by_serde!(
    SnapshotPage,
    "SnapshotPage",
    MetaSchema {
        pattern: Some("^[0-9]{1,19}-[0-9]{1,19}[.][0-9]{1,19}$".to_owned()),
        example: Some("1772600767000-0.0".into()),
        ..MetaSchema::new("string")
    }
);

impl Serialize for SnapshotPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{}", self.cursor, self.from))
    }
}

impl<'de> Deserialize<'de> for SnapshotPage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_from_parameter(&text).map_err(|error| serde::de::Error::custom(error.into_message()))
    }
}

impl ParseFromParameter for SnapshotPage {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let page = text.split_once('.').filter(|(_, from)| from.bytes().all(|digit| digit.is_ascii_digit()));
        let page =
            page.and_then(|(cursor, from)| Some(Self { cursor: cursor.parse().ok()?, from: from.parse().ok()? }));
        page.ok_or_else(|| ParseError::custom("must be the next_page of a snapshot."))
    }
}

/// The answer of the PHP package's heartbeat route.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Ok")]
pub struct OkResponse {
    /// Always true.
    pub ok: bool,
}

/// A user's presence in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "StatusWord", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum StatusWord {
    /// At least one session is active and fresh.
    Online,
    /// No session is active, but at least one is fresh.
    Away,
    /// No session is left.
    Offline,
}

impl StatusWord {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "Transition", rename_all = "snake_case")]
pub enum TransitionWord {
    /// The user was offline and is present now.
    CameOnline,
    /// The user was present and is offline now.
    WentOffline,
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Online => Self::Online,
            Status::Away => Self::Away,
            Status::Offline => Self::Offline,
        }
    }
}

impl ChangeResponse {
    /// The entry of the change log at `cursor`.
    pub fn new(cursor: ChangeCursor, change: &Change) -> Self {
        Self {
            cursor,
            id: change.id.to_string(),
            seq: change.seq,
            user_id: change.user_id.clone(),
            scope: change.scope.clone().into(),
            event: change.status.into(),
            status: change.status.into(),
            previous: change.previous.into(),
            occurred_at: change.occurred_at.into(),
            meta: change.meta.clone(),
        }
    }
}

/// Users and their presence, each once, in the order in which they were first asked for.
#[derive(Debug, Deserialize, Serialize)]
pub struct ManyResponse(IndexMap<String, BriefAnswer>);

openapi_by_serde!(ManyResponse, "ManyAnswer", MetaSchema {
    additional_properties: Some(Box::new(BriefAnswer::schema_ref())),
    ..MetaSchema::new("object")
}, of BriefAnswer);
