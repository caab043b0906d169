//! What the operations of clients and of operators share.

use std::sync::Arc;

use poem::Request;
use poem_openapi::Tags;

use crate::http::{ApiError, Documented};
use crate::messaging::Messaging;

/// Groups of operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// Encrypted messages for clients that poll.
    Messages,
    /// Administration of clients and messages.
    Operators,
}

/// The result of an operation with the documented errors `S`.
pub(super) type ApiResult<T, S> = Result<T, Documented<S>>;

/// Returns the messaging service.
///
/// # Errors
/// [`ApiError::NoRoute`] if messaging is disabled: its routes do not exist then.
pub(super) fn require_messaging<'a>(
    messaging: Option<&'a Arc<Messaging>>,
    request: &Request,
) -> Result<&'a Arc<Messaging>, ApiError> {
    let route = || request.original_uri().path().trim_matches('/').to_owned();
    messaging.ok_or_else(|| ApiError::NoRoute(route()))
}
