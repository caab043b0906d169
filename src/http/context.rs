//! What the middleware gives to the operations along with a request.

use std::sync::Arc;

use poem::Request;

use super::body_policy::BodyPolicy;
use super::token_verifier::TokenVerifier;

/// The settings that are valid for a request.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Verifies tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Limits of the body.
    pub bodies: Arc<BodyPolicy>,
}

impl RequestContext {
    /// That of a request which came through the middleware.
    pub fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }
}
