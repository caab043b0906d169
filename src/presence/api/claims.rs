//! The user and the session that a user token names.

use serde::Deserialize;
use serde_json::Value;

use crate::http::ApiError;
use crate::http::token_verifier::Claims;
use crate::presence::domain::identity::{Id, SessionId};

/// The user of the token, from the claim `sub`.
pub(super) fn user(claims: &Claims) -> Option<Id> {
    Id::deserialize(claims.get("sub")?).ok()
}

/// The users that the token may watch, from the claim `watch`; none without it.
///
/// # Errors
/// [`ApiError::Forbidden`] for a claim that is no list of ids: a page with it would show everybody as offline.
pub(super) fn watched_users(claims: &Claims) -> Result<Vec<Id>, ApiError> {
    match claims.get("watch") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(watch) if watch.get("scope") == Some(&Value::Bool(false)) => Ok(Vec::new()),
        Some(ids) => Vec::deserialize(ids).map_err(|_| ApiError::Forbidden("The token's watch is not usable.")),
    }
}

/// Whether the token may watch all users of its scope, by the claim `watch` with `{"scope": true}`.
pub(super) fn watches_scope(claims: &Claims) -> bool {
    claims.get("watch").and_then(|watch| watch.get("scope")) == Some(&Value::Bool(true))
}

/// The session of the token, from the claim `sid`: a string, or an integer, which stands for its digits.
///
/// # Errors
/// [`ApiError::Forbidden`] for a claim of another type, or one that is not a session's name: a page must not choose the
/// session in place of its token.
pub(super) fn session(claims: &Claims) -> Result<Option<SessionId>, ApiError> {
    let session = match claims.get("sid") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) => SessionId::new(name).ok(),
        Some(Value::Number(number)) if !number.is_f64() => SessionId::new(&number.to_string()).ok(),
        Some(_) => None,
    };
    session.map(Some).ok_or(ApiError::Forbidden("The token's session is not usable."))
}
