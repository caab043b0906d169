//! The errors that an operation documents in OpenAPI.

use std::marker::PhantomData;

use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;

use super::ApiError;
use super::body::ErrorBody;

/// 400 of operations that read JSON.
pub const MALFORMED_JSON: (u16, &str) = (400, "The body is not JSON");
/// 401.
pub const UNAUTHENTICATED: (u16, &str) = (401, "No valid token");
/// 403.
pub const FORBIDDEN: (u16, &str) = (403, "Token lacks permission");
/// 404 of operations on one resource.
pub const NOT_FOUND: (u16, &str) = (404, "Not found");
/// 408 of operations that read a body.
pub const BODY_TIMEOUT: (u16, &str) = (408, "The body did not arrive in time");
/// 413 of operations that read a body.
pub const TOO_LARGE: (u16, &str) = (413, "The body is larger than server.body_limit");
/// 415 of operations that read JSON.
pub const MEDIA_TYPE: (u16, &str) = (415, "The body is not application/json");
/// 422.
pub const INVALID: (u16, &str) = (422, "Validation failed");
/// 429 of operations with a rate limit.
pub const TOO_MANY: (u16, &str) = (429, "Too many requests in this window");
/// 503.
pub const UNAVAILABLE: (u16, &str) = (503, "Store unavailable; retry later");

/// The error statuses of a group of operations. Each API defines its own sets.
pub trait ErrorSet: Send + Sync + 'static {
    /// Each status with its description, in the order of the statuses.
    const LIST: &'static [(u16, &'static str)];
}

/// An [`ApiError`] of an operation that documents the statuses of `S`.
#[derive(Debug)]
pub struct Documented<S>(ApiError, PhantomData<S>);

impl<S, E: Into<ApiError>> From<E> for Documented<S> {
    fn from(error: E) -> Self {
        Self(error.into(), PhantomData)
    }
}

impl<S> From<Documented<S>> for poem::Error {
    fn from(documented: Documented<S>) -> Self {
        documented.0.into()
    }
}

impl<S: ErrorSet> ApiResponse for Documented<S> {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: ErrorBody::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: S::LIST.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}
