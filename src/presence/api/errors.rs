//! The errors that the presence operations document, and what an unavailable store is to a caller.

use crate::http::ApiError;
use crate::http::error::{
    BODY_TIMEOUT, ErrorSet, FORBIDDEN, INVALID, MALFORMED_JSON, MEDIA_TYPE, TOO_LARGE, TOO_MANY, UNAUTHENTICATED,
    UNAVAILABLE,
};
use crate::presence::store::{ChangeCursor, Changes, Page, Unavailable};

const CURSOR_EXPIRED: (u16, &str) =
    (409, "The entries that follow the cursor are no longer kept in full, or the cursor is not of this change log");

/// Errors of operations that read a JSON body.
#[derive(Debug)]
pub struct BodyErrors;

impl ErrorSet for BodyErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[MALFORMED_JSON, UNAUTHENTICATED, FORBIDDEN, BODY_TIMEOUT, TOO_LARGE, MEDIA_TYPE, INVALID, UNAVAILABLE];
}

/// Errors of operations without a body.
#[derive(Debug)]
pub struct ReadErrors;

impl ErrorSet for ReadErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, INVALID, UNAVAILABLE];
}

/// Errors of operations that continue after a cursor of the change log.
#[derive(Debug)]
pub struct CursorErrors;

impl ErrorSet for CursorErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, CURSOR_EXPIRED, INVALID, UNAVAILABLE];
}

/// Errors of the stream.
#[derive(Debug)]
pub struct StreamErrors;

impl ErrorSet for StreamErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[UNAUTHENTICATED, FORBIDDEN, CURSOR_EXPIRED, INVALID, TOO_MANY, UNAVAILABLE];
}

/// Errors of the operation for browsers.
#[derive(Debug)]
pub struct BrowserErrors;

impl ErrorSet for BrowserErrors {
    const LIST: &'static [(u16, &'static str)] = &[
        MALFORMED_JSON,
        UNAUTHENTICATED,
        FORBIDDEN,
        BODY_TIMEOUT,
        TOO_LARGE,
        MEDIA_TYPE,
        INVALID,
        TOO_MANY,
        UNAVAILABLE,
    ];
}

impl From<Unavailable> for ApiError {
    fn from(error: Unavailable) -> Self {
        tracing::debug!(error = error.reason(), "presence store unavailable");
        Self::Unavailable("Service Unavailable")
    }
}

/// The page behind a cursor.
///
/// # Errors
/// [`ApiError::CursorExpired`], with the cursor behind which the kept entries begin.
pub(super) fn page_of(changes: Changes) -> Result<Page, ApiError> {
    match changes {
        Changes::Page(page) => Ok(page),
        Changes::Trimmed(oldest) => Err(cursor_expired(
            oldest,
            "The cursor is older than the change log. Take a snapshot, or continue after oldest_cursor.",
        )),
        Changes::Foreign(oldest) => Err(cursor_expired(
            oldest,
            "The cursor is not of this change log, which was replaced or lost its last entries. Take a snapshot, then \
             continue after its cursor.",
        )),
    }
}

fn cursor_expired(oldest: ChangeCursor, message: &'static str) -> ApiError {
    ApiError::CursorExpired { message, oldest_cursor: oldest.to_string() }
}
