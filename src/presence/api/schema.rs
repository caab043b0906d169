//! OpenAPI schemas of the domain's types, and their form in parameters.

use std::fmt;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::presence::domain::identity::{Id, InvalidId, MAX_LENGTH, Meta, SessionId};
use crate::presence::domain::{Cause, DeviceTime, Status, Transition};
use crate::presence::service::SnapshotPage;
use crate::presence::store::{ChangeCursor, MAX_HISTORY};
use crate::{openapi_by_serde, openapi_component};

/// A character of a name.
const CHARACTER: &str = "[^|\\u0000-\\u001f\\u007f-\\u009f]";

/// One that is not a space.
const VISIBLE: &str = "[^|\\s\\u0000-\\u001f\\u007f-\\u009f]";

/// The pattern of a name with a character that is not a space.
fn not_blank() -> String {
    format!("{CHARACTER}*{VISIBLE}{CHARACTER}*")
}

fn name_schema(example: &str, pattern: &str) -> MetaSchema {
    MetaSchema {
        max_length: Some(MAX_LENGTH),
        pattern: Some(format!("^{pattern}$")),
        example: Some(example.into()),
        ..MetaSchema::new("string")
    }
}

fn integer_schema() -> MetaSchema {
    MetaSchema { format: Some("int64"), ..MetaSchema::new("integer") }
}

fn word_schema(description: &'static str, words: &[&str]) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        enum_items: words.iter().map(|word| (*word).into()).collect(),
        ..MetaSchema::new("string")
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

openapi_component!(Status, "StatusWord", word_schema("A user's status.", &["online", "away", "offline"]));
openapi_component!(
    Transition,
    "Transition",
    word_schema("The effect of a call on a user's presence.", &["came_online", "went_offline"])
);
openapi_component!(Cause, "Cause", word_schema("Why a change was recorded.", &Cause::ALL.map(Cause::as_str)));

/// The status of a user who is present, as a filter: online or away.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct PresentStatus(pub Status);

impl ParseFromParameter for PresentStatus {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match Status::parse(text) {
            Some(status) if status.is_present() => Ok(Self(status)),
            Some(_) | None => Err(ParseError::custom("must be online or away.")),
        }
    }
}

openapi_by_serde!(
    PresentStatus,
    "PresentStatus",
    MetaSchema { enum_items: vec!["online".into(), "away".into()], ..MetaSchema::new("string") }
);

openapi_by_serde!(
    Id,
    "Id",
    MetaSchema {
        description: Some(
            "A string without `|` and control characters (at most 255 characters), or a 64-bit integer; its type is kept.",
        ),
        example: Some(42.into()),
        // Empty means that a part of a scope is not set.
        one_of: vec![inline(integer_schema()), inline(name_schema("u-1", &format!("({})?", not_blank())))],
        ..MetaSchema::ANY
    }
);

impl ParseFromParameter for Id {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Self::from_path(text).map_err(ParseError::custom)
    }
}

/// The id of a user in a request: an [`Id`] that is not blank.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct UserIdParam(pub Id);

impl UserIdParam {
    fn new(id: Id) -> Result<Self, InvalidId> {
        if id.is_blank() { Err(InvalidId::Blank) } else { Ok(Self(id)) }
    }
}

impl<'de> Deserialize<'de> for UserIdParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Id::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

openapi_by_serde!(
    UserIdParam,
    "UserId",
    MetaSchema {
        description: Some(
            "A string without `|` and control characters, not blank (at most 255 characters), or a 64-bit integer; its type \
             is kept.",
        ),
        example: Some(42.into()),
        one_of: vec![
            inline(integer_schema()),
            inline(MetaSchema { min_length: Some(1), ..name_schema("u-1", &not_blank()) }),
        ],
        ..MetaSchema::ANY
    }
);

impl ParseFromParameter for UserIdParam {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Id::from_path(text).and_then(Self::new).map_err(ParseError::custom)
    }
}

/// A switch in a query: `1` or `true`, `0` or `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Flag(pub bool);

impl Flag {
    /// Whether the switch is given, and on.
    pub fn is_set(flag: Option<Self>) -> bool {
        flag == Some(Self(true))
    }
}

impl ParseFromParameter for Flag {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            "1" | "true" => Ok(Self(true)),
            "0" | "false" => Ok(Self(false)),
            _ => Err(ParseError::custom("must be 1 or 0.")),
        }
    }
}

openapi_by_serde!(
    Flag,
    "Flag",
    MetaSchema { enum_items: ["1", "true", "0", "false"].map(Into::into).to_vec(), ..MetaSchema::new("string") }
);

impl ParseFromParameter for SessionId {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Self::new(text).map_err(ParseError::custom)
    }
}

/// The maximum number of changes of a history: 1 to 100; 20 by default.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct HistoryLimit(pub usize);

impl Default for HistoryLimit {
    fn default() -> Self {
        Self(20)
    }
}

impl ParseFromParameter for HistoryLimit {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let limit = text.parse().ok().filter(|limit| (1..=MAX_HISTORY).contains(limit));
        limit.map(Self).ok_or_else(|| ParseError::custom("must be an integer between 1 and 100."))
    }
}

openapi_by_serde!(
    HistoryLimit,
    "HistoryLimit",
    MetaSchema { minimum: Some(1.0), maximum: Some(100.0), ..MetaSchema::new("integer") }
);

openapi_by_serde!(SessionId, "SessionId", name_schema("tab-1", &format!("{CHARACTER}*")));
openapi_by_serde!(
    DeviceTime,
    "DeviceTime",
    MetaSchema { example: Some(1_772_600_767_000_i64.into()), ..integer_schema() }
);
openapi_by_serde!(Meta, "Meta", {
    let items = Some(Box::new(inline(MetaSchema::ANY)));
    let array = MetaSchema { items, ..MetaSchema::new("array") };
    // Without it, generators of TypeScript forbid every member.
    let additional_properties = Some(Box::new(inline(MetaSchema::ANY)));
    let object = MetaSchema { additional_properties, ..MetaSchema::new("object") };
    MetaSchema {
        description: Some("A JSON object or array of at most 8 KiB, stored with the user as a PHP array."),
        one_of: vec![inline(object), inline(array)],
        example: Some(serde_json::json!({"device": "phone"})),
        ..MetaSchema::ANY
    }
});

/// The pattern of a cursor: one position, or those of several shards; and the tag of the log.
const CURSOR: &str = "([0-9]{1,19}-[0-9]{1,19}|s[0-9a-f]{1,16}-[0-9a-f]{1,16}(_[0-9a-f]{1,16}-[0-9a-f]{1,16}){1,63})\
                      ([.][0-9a-f]{8})?";

openapi_by_serde!(
    ChangeCursor,
    "Cursor",
    MetaSchema { pattern: Some(format!("^{CURSOR}$")), example: Some("0-0".into()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for ChangeCursor {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map_err(ParseError::custom)
    }
}

/// Where a stream continues. An empty text is none: clients send it if they have received no id yet.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ResumePoint(pub Option<ChangeCursor>);

openapi_by_serde!(
    ResumePoint,
    "ResumePoint",
    MetaSchema { pattern: Some(format!("^({CURSOR})?$")), example: Some("0-0".into()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for ResumePoint {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            "" => Ok(Self(None)),
            text => text.parse().map(|cursor| Self(Some(cursor))).map_err(ParseError::custom),
        }
    }
}

openapi_by_serde!(
    SnapshotPage,
    "SnapshotPage",
    MetaSchema {
        pattern: Some(format!("^{CURSOR}[.][0-9]{{1,19}}$")),
        example: Some("0-0.0".into()),
        ..MetaSchema::new("string")
    }
);

impl fmt::Display for SnapshotPage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.cursor, self.from)
    }
}

impl Serialize for SnapshotPage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
        let page = text.rsplit_once('.').filter(|(_, from)| from.bytes().all(|digit| digit.is_ascii_digit()));
        let page =
            page.and_then(|(cursor, from)| Some(Self { cursor: cursor.parse().ok()?, from: from.parse().ok()? }));
        page.ok_or_else(|| ParseError::custom("must be the next_page of a snapshot."))
    }
}
