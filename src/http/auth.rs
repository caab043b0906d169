//! Authentication: service tokens for applications, short-lived user tokens for browsers.
//!
//! A user token is a JWT signed by the application with HS256 (RFC 7515, RFC 7519). Claims: `sub` (the user's id, its
//! type kept, not blank), `exp` (required; the token is refused from that second on), `nbf` (honoured, less a few seconds
//! of clock skew), `sid` (the session), `scope` (an object of scope parts) and the claims that `claim:` rules of the scope
//! resolver name.

use poem::Request;
use poem::http::header;
use poem::web::headers::authorization::Bearer as BearerToken;
use poem::web::headers::{Authorization, HeaderMapExt};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;

use super::connection::{CallerKind, identify};
use super::context::RequestContext;
use super::error::ApiError;
use super::token_verifier::{Claims, TokenVerifier};

/// Permits callers with a service token.
#[derive(SecurityScheme)]
#[oai(rename = "service", ty = "bearer", checker = "check_service")]
pub struct ServiceAuth(());

/// Permits browsers with a user token.
#[derive(SecurityScheme)]
#[oai(rename = "user", ty = "bearer", bearer_format = "JWT", checker = "check_user")]
pub struct UserAuth(pub Claims);

/// Permits callers with a service token or a user token.
#[derive(SecurityScheme)]
pub enum AnyAuth {
    /// An application.
    Service(ServiceAuth),
    /// A browser.
    User(UserAuth),
}

/// Permits browsers with a user token in the header, or in the body where they cannot set headers
/// (`navigator.sendBeacon`).
#[derive(SecurityScheme)]
pub enum BrowserAuth {
    /// The token is in the header.
    Header(UserAuth),
    /// The token must be in the body.
    #[oai(fallback)]
    Body,
}

/// Permits callers with a service token or a user token in the header, or with a user token in the query where they
/// cannot set headers (`EventSource`).
#[derive(SecurityScheme)]
pub enum StreamAuth {
    /// An application.
    Service(ServiceAuth),
    /// A browser.
    User(UserAuth),
    /// The token must be in the query.
    #[oai(fallback)]
    Query,
}

impl ServiceAuth {
    /// Authenticates a request outside of poem-openapi.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`].
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        bearer(request)
            .and_then(|bearer| verify_service(request, bearer.token()))
            .map(Self)
            .ok_or(ApiError::Unauthenticated)
    }
}

impl AnyAuth {
    /// Authenticates a request outside of poem-openapi.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`].
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let user =
            |bearer: BearerToken| verify_user(request, bearer.token()).map(|claims| Self::User(UserAuth(claims)));
        let service = ServiceAuth::of(request).map(Self::Service);
        service.or_else(|unknown| bearer(request).and_then(user).ok_or(unknown))
    }

    /// The user's claims; `None` for an application.
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Service(_) => None,
            Self::User(UserAuth(claims)) => Some(claims),
        }
    }
}

async fn check_service(request: &Request, bearer: Bearer) -> Option<()> {
    verify_service(request, &bearer.token)
}

async fn check_user(request: &Request, bearer: Bearer) -> Option<Claims> {
    verify_user(request, &bearer.token)
}

/// Verifies a service token; the caller of the request is known then.
fn verify_service(request: &Request, token: &str) -> Option<()> {
    let is_valid = token_verifier(request)?.is_service(token);
    is_valid.then(|| identify(request, CallerKind::Trusted))
}

/// Verifies a user token; the caller of the request is known then.
fn verify_user(request: &Request, token: &str) -> Option<Claims> {
    let claims = token_verifier(request)?.user(token);
    claims.inspect(|_| identify(request, CallerKind::User))
}

fn bearer(request: &Request) -> Option<BearerToken> {
    request.headers().typed_get::<Authorization<BearerToken>>().map(|Authorization(bearer)| bearer)
}

/// The token verifier that the middleware put into the request's extensions.
pub fn token_verifier(request: &Request) -> Option<&TokenVerifier> {
    RequestContext::of(request).map(|context| context.verifier.as_ref())
}

/// Refuses a request whose `Authorization` header is not valid: a token outside of the header would not count.
///
/// # Errors
/// [`ApiError::Unauthenticated`].
pub fn forbid_header(request: &Request) -> Result<(), ApiError> {
    match request.headers().contains_key(header::AUTHORIZATION) {
        true => Err(ApiError::Unauthenticated),
        false => Ok(()),
    }
}

/// The claims of a user token outside of the header; the request must have no `Authorization` header then.
///
/// # Errors
/// [`ApiError::Unauthenticated`].
pub fn user_beside_header(request: &Request, token: Option<&str>) -> Result<Claims, ApiError> {
    forbid_header(request)?;
    token.and_then(|token| verify_user(request, token)).ok_or(ApiError::Unauthenticated)
}
