//! Authentication: service tokens for applications, short-lived user tokens for browsers.
//!
//! A user token is a JWT signed by the application with HS256 (RFC 7515, RFC 7519). Claims: `sub` (the user's id, its
//! type kept, not blank), `exp` (required; the token is refused from that second on), `nbf` (honoured, less a few seconds
//! of clock skew), `sid` (the session), `scope` (an object of scope parts) and the claims that `claim:` rules of the scope
//! resolver name.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use poem::Request;
use poem::http::header;
use poem::web::headers::authorization::Bearer as BearerToken;
use poem::web::headers::{Authorization, HeaderMapExt};
use poem_openapi::SecurityScheme;
use poem_openapi::auth::Bearer;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::connection::{CallerKind, identify};
use super::error::ApiError;

/// Seconds by which the application's clock may be ahead: a token may be used that long before its `nbf`. Its `exp` is
/// exact.
const MAX_CLOCK_SKEW: u64 = 5;

/// Verifies the tokens that this sidecar accepts.
pub struct TokenVerifier {
    services: Vec<SecretString>,
    admins: Vec<SecretString>,
    operators: Vec<SecretString>,
    users: Vec<DecodingKey>,
    validation: Validation,
}

impl TokenVerifier {
    /// Accepts the tokens `services`, and user tokens signed with one of `users`, or with one of `services` if `users`
    /// is empty.
    pub fn new(services: &[SecretString], users: &[SecretString]) -> Self {
        let signing = if users.is_empty() { services } else { users };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_nbf = true;
        validation.leeway = MAX_CLOCK_SKEW;
        // The leeway is for both times: what it adds to `exp` is taken back, and the second of `exp` itself.
        validation.reject_tokens_expiring_in_less_than = MAX_CLOCK_SKEW + 1;
        // An application may name an audience for other services; the secret proves that the token is for this one.
        validation.validate_aud = false;
        Self {
            services: services.to_vec(),
            admins: Vec::new(),
            operators: Vec::new(),
            // An empty secret is refused by the library: it would verify what anyone has signed.
            users: signing.iter().filter_map(decoding_key).collect(),
            validation,
        }
    }

    /// Adds admin tokens.
    #[must_use]
    pub fn with_admins(self, admins: Vec<SecretString>) -> Self {
        Self { admins, ..self }
    }

    /// Adds operator tokens.
    #[must_use]
    pub fn with_operators(self, operators: Vec<SecretString>) -> Self {
        Self { operators, ..self }
    }

    /// Whether `token` is a service token. Constant time: it does not depend on how much of the token is right.
    pub fn is_service(&self, token: &str) -> bool {
        is_one_of(&self.services, token)
    }

    /// Whether `token` is an admin token. Constant time.
    pub fn is_admin(&self, token: &str) -> bool {
        is_one_of(&self.admins, token)
    }

    /// Whether `token` is an operator token. Constant time.
    pub fn is_operator(&self, token: &str) -> bool {
        is_one_of(&self.operators, token)
    }

    /// The claims of a valid user token; `None` for an invalid one.
    pub fn user(&self, token: &str) -> Option<Claims> {
        let decode = |key| jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation).ok();
        let claims = self.users.iter().find_map(decode)?.claims;
        match claims.get("sub") {
            Some(Value::String(user)) if user.trim().is_empty() => None,
            Some(Value::String(_) | Value::Number(_)) => Some(Claims(claims)),
            _ => None,
        }
    }
}

fn decoding_key(secret: &SecretString) -> Option<DecodingKey> {
    DecodingKey::from_secret(secret.expose_secret().as_bytes()).ok()
}

fn is_one_of(known: &[SecretString], token: &str) -> bool {
    let equal = |known: &SecretString| bool::from(known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
    known.iter().fold(false, |found, known| found | equal(known))
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

/// The claims of a valid user token.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// The claim called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The remaining lifetime of the token.
    pub fn expires_in(&self) -> Option<Duration> {
        let expires = self.0.get("exp")?.as_f64()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of seconds since 1970")]
        Some(Duration::from_secs((expires as u64).saturating_sub(jsonwebtoken::get_current_timestamp())))
    }
}

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
pub fn token_verifier(request: &Request) -> Option<&Arc<TokenVerifier>> {
    request.extensions().get::<Arc<TokenVerifier>>()
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
