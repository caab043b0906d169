//! What the middleware gives to the operations along with a request.

use std::sync::{Arc, Mutex, PoisonError};

use poem::Request;

use super::body_policy::BodyPolicy;
use super::token_verifier::TokenVerifier;

/// The settings that are valid for a request. It is in the extensions of the request, as an [`Arc`].
#[derive(Debug)]
pub struct RequestContext {
    /// Verifies tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Limits of the body.
    pub bodies: Arc<BodyPolicy>,
}

impl RequestContext {
    /// That of a request which came through the middleware.
    pub fn of(request: &Request) -> Option<&Arc<Self>> {
        request.extensions().get()
    }
}

/// The context of the last request on a connection. Since the next one has the same, its requests count no references that
/// those of other connections count, too.
#[derive(Debug, Default)]
pub struct LastContext(Mutex<Option<Arc<RequestContext>>>);

impl LastContext {
    /// The context of the next request, with these settings.
    pub fn with(&self, verifier: &Arc<TokenVerifier>, bodies: &Arc<BodyPolicy>) -> Arc<RequestContext> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = last.as_ref().filter(|context| Arc::ptr_eq(&context.verifier, verifier)) {
            return context.clone();
        }
        let context = Arc::new(RequestContext { verifier: verifier.clone(), bodies: bodies.clone() });
        last.insert(context).clone()
    }
}
