//! Request bodies of the presence API.

use poem_openapi::Object;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::Example;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::schema::UserIdParam;
use super::scope_param::ScopeParam;
use crate::php::Array;
use crate::php::json::depth;
use crate::presence::domain::identity::{Id, Meta, SessionId};
use crate::presence::domain::{DeviceTime, Heartbeat};
use crate::presence::service::MAX_USERS;
use crate::{objects_only, openapi_type};

/// A heartbeat.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Heartbeat", example)]
#[serde(remote = "Self", expecting = "an object")]
pub struct HeartbeatRequest {
    /// The user's id.
    pub user_id: UserIdParam,
    /// Data to store with the user. It replaces the data of the previous heartbeat; an omitted value clears it.
    #[serde(default, deserialize_with = "meta")]
    pub meta: Option<Meta>,
    /// The scope.
    pub scope: Option<ScopeParam>,
    /// The session: a tab or device; `default` by default.
    pub session: Option<SessionId>,
    /// Whether the user is active in the session; `true` by default.
    pub active: Option<bool>,
    /// The time at which the heartbeat is sent, by the device's clock, in milliseconds since 1970. If the session ended
    /// with the same or a later `sent_at`, the heartbeat is stale and changes nothing.
    pub sent_at: Option<DeviceTime>,
}

impl Example for HeartbeatRequest {
    fn example() -> Self {
        let meta = Array::from_iter([("device", "phone")]);
        Self {
            user_id: UserIdParam(42.into()),
            meta: Some(meta.into()),
            scope: None,
            session: None,
            active: None,
            sent_at: None,
        }
    }
}

impl HeartbeatRequest {
    /// The user, the scope and the heartbeat.
    pub(super) fn into_parts(self) -> (Id, Option<ScopeParam>, Heartbeat) {
        let heartbeat = Heartbeat {
            session: self.session.unwrap_or_default(),
            active: self.active.unwrap_or(true),
            meta: self.meta.unwrap_or_default(),
            sent_at: self.sent_at,
        };
        (self.user_id.0, self.scope, heartbeat)
    }
}

/// Up to 1,000 heartbeats.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct HeartbeatsRequest(pub Vec<HeartbeatRequest>);

openapi_type!(HeartbeatsRequest, "Heartbeats", MetaSchema {
    items: Some(Box::new(<HeartbeatRequest as poem_openapi::types::Type>::schema_ref())),
    max_items: Some(MAX_USERS),
    ..MetaSchema::new("array")
}, of HeartbeatRequest);

/// The end of one session of a user, or of all.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Offline")]
#[serde(remote = "Self", expecting = "an object")]
pub struct OfflineRequest {
    /// The user's id.
    pub user_id: UserIdParam,
    /// Data of the change.
    #[serde(default, deserialize_with = "meta")]
    pub meta: Option<Meta>,
    /// The scope.
    pub scope: Option<ScopeParam>,
    /// The session that ends; all sessions by default.
    pub session: Option<SessionId>,
    /// The time at which the request is sent, by the device's clock, in milliseconds since 1970. Heartbeats of the
    /// session that were sent no later, and arrive after this request, change nothing. Ignored if all sessions end.
    pub sent_at: Option<DeviceTime>,
}

/// A list of users.
#[derive(Debug, Object, Deserialize)]
#[oai(rename = "Many")]
#[serde(remote = "Self", expecting = "an object")]
pub struct ManyRequest {
    /// Up to 1,000 ids.
    #[oai(validator(max_items = 1000))]
    pub user_ids: Vec<UserIdParam>,
    /// The scope.
    pub scope: Option<ScopeParam>,
}

objects_only!(HeartbeatRequest, OfflineRequest, ManyRequest);

/// Maximum size of a meta as JSON, in bytes.
const MAX_META_BYTES: usize = 8 * 1024;

/// Maximum nesting of a meta. It is a part of responses and log entries, which readers refuse that nest too deep: serde_json at
/// 128, PHP's `json_decode` at 512.
const MAX_META_DEPTH: usize = 64;

/// Deserializes a PHP array of at most [`MAX_META_BYTES`] of JSON, and [`MAX_META_DEPTH`] levels.
fn meta<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Meta>, D::Error> {
    let Some(text) = Option::<&RawValue>::deserialize(deserializer)? else { return Ok(None) };
    if text.get().len() > MAX_META_BYTES {
        return Err(D::Error::custom("must not be greater than 8 KiB of JSON."));
    }
    if !text.get().starts_with(['{', '[']) {
        return Err(D::Error::custom("must be an object or an array."));
    }
    if depth(text.get().as_bytes()) > MAX_META_DEPTH {
        return Err(D::Error::custom("must not be nested deeper than 64 levels."));
    }
    Meta::from_json(text.get()).map(Some).map_err(D::Error::custom)
}
