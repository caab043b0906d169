//! The errors that the messaging operations document.

use crate::http::error::{
    BODY_TIMEOUT, ErrorSet, FORBIDDEN, INVALID, NOT_FOUND, TOO_LARGE, TOO_MANY, UNAUTHENTICATED, UNAVAILABLE,
};

const UNDECRYPTABLE: (u16, &str) = (500, "A stored secret does not decrypt: it was encrypted with another APP_KEY");
const TAKEN: (u16, &str) = (409, "Already taken, or the stored key of the client does not decrypt");

/// Errors of operations for clients with an API token.
#[derive(Debug)]
pub struct ClientErrors;

impl ErrorSet for ClientErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[UNAUTHENTICATED, BODY_TIMEOUT, TOO_LARGE, INVALID, TOO_MANY, UNDECRYPTABLE, UNAVAILABLE];
}

/// Errors of the registration.
#[derive(Debug)]
pub struct PublicErrors;

impl ErrorSet for PublicErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[FORBIDDEN, BODY_TIMEOUT, TAKEN, TOO_LARGE, INVALID, TOO_MANY, UNAVAILABLE];
}

/// Errors of operations with the admin token.
#[derive(Debug)]
pub struct AdminErrors;

impl ErrorSet for AdminErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[FORBIDDEN, BODY_TIMEOUT, TOO_LARGE, INVALID, UNDECRYPTABLE, UNAVAILABLE];
}

/// Errors of operations with an operator token.
#[derive(Debug)]
pub struct OperatorErrors;

impl ErrorSet for OperatorErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, UNAVAILABLE];
}
