//! Who calls: service tokens for applications, short-lived user tokens for browsers.
//!
//! A user token is a JWT signed by the application with HS256 (RFC 7515, RFC 7519). Claims: `sub` (the user's id, its
//! type kept, not empty), `exp` (required), `nbf` (honoured), `sid` (the session), `scope` (an object of scope parts) and
//! whatever `claim:` rules of the scope resolver name.

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

use super::error::ApiError;

/// The tokens this sidecar accepts.
pub struct TokenVerifier {
    services: Vec<SecretString>,
    admins: Vec<SecretString>,
    operators: Vec<SecretString>,
    users: Vec<DecodingKey>,
    validation: Validation,
}

impl TokenVerifier {
    /// Accepts `services` as they are, and user tokens signed with one of `users`, or of `services` if there are none.
    pub fn new(services: &[SecretString], users: &[SecretString]) -> Self {
        let signing = if users.is_empty() { services } else { users };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.validate_nbf = true;
        // An application may name an audience for its other readers; the secret says that the token is for here.
        validation.validate_aud = false;
        Self {
            services: services.to_vec(),
            admins: Vec::new(),
            operators: Vec::new(),
            users: signing.iter().map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())).collect(),
            validation,
        }
    }

    /// Lets in those who publish messages with one of `admins`, and operators with one of `operators`.
    #[must_use]
    pub fn with_messaging(self, admins: Vec<SecretString>, operators: Vec<SecretString>) -> Self {
        Self { admins, operators, ..self }
    }

    /// Whether `token` is a service token, in a time that does not depend on how much of it is right.
    pub fn is_service(&self, token: &str) -> bool {
        is_one_of(&self.services, token)
    }

    /// Whether `token` lets its holder publish.
    pub fn is_admin(&self, token: &str) -> bool {
        is_one_of(&self.admins, token)
    }

    /// Whether `token` is an operator's.
    pub fn is_operator(&self, token: &str) -> bool {
        is_one_of(&self.operators, token)
    }

    /// The claims of a valid user token.
    pub fn user(&self, token: &str) -> Option<Claims> {
        let decode = |key| jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation).ok();
        let claims = self.users.iter().find_map(decode)?.claims;
        match claims.get("sub") {
            Some(Value::String(user)) if user.is_empty() => None,
            Some(Value::String(_) | Value::Number(_)) => Some(Claims(claims)),
            _ => None,
        }
    }
}

fn is_one_of(known: &[SecretString], token: &str) -> bool {
    let equal = |known: &SecretString| bool::from(known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
    known.iter().fold(false, |found, known| found | equal(known))
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gate").finish_non_exhaustive()
    }
}

/// The claims of a user token that was found valid.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// The claim called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// How long the token is still valid.
    pub fn expires_in(&self) -> Option<Duration> {
        let expires = self.0.get("exp")?.as_f64()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of seconds since 1970")]
        Some(Duration::from_secs((expires as u64).saturating_sub(jsonwebtoken::get_current_timestamp())))
    }
}

/// Only callers with a service token.
#[derive(SecurityScheme)]
#[oai(rename = "service", ty = "bearer", checker = "check_service")]
pub struct ServiceAuth(());

/// Only browsers with a user token.
#[derive(SecurityScheme)]
#[oai(rename = "user", ty = "bearer", bearer_format = "JWT", checker = "check_user")]
pub struct UserAuth(pub Claims);

/// Callers with either.
#[derive(SecurityScheme)]
pub enum AnyAuth {
    /// An application.
    Service(ServiceAuth),
    /// A browser.
    User(UserAuth),
}

/// Browsers with a user token in the header, or, where they cannot set one (`navigator.sendBeacon`), in the body.
#[derive(SecurityScheme)]
pub enum BrowserAuth {
    /// The token came in the header.
    Header(UserAuth),
    /// It has to be in the body.
    #[oai(fallback)]
    Body,
}

/// Callers with either in the header, or browsers with a user token in the query, where they cannot set a header
/// (`EventSource`).
#[derive(SecurityScheme)]
pub enum StreamAuth {
    /// An application.
    Service(ServiceAuth),
    /// A browser.
    User(UserAuth),
    /// The token has to be in the query.
    #[oai(fallback)]
    Query,
}

impl ServiceAuth {
    /// The caller, without the framework's help.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`].
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let service = |bearer: BearerToken| token_verifier(request)?.is_service(bearer.token()).then_some(Self(()));
        bearer(request).and_then(service).ok_or(ApiError::Unauthenticated)
    }
}

impl AnyAuth {
    /// The caller, without the framework's help.
    ///
    /// # Errors
    /// [`ApiError::Unauthenticated`].
    pub fn of(request: &Request) -> Result<Self, ApiError> {
        let user = |bearer: BearerToken| {
            token_verifier(request)?.user(bearer.token()).map(|claims| Self::User(UserAuth(claims)))
        };
        let service = ServiceAuth::of(request).map(Self::Service);
        service.or_else(|unknown| bearer(request).and_then(user).ok_or(unknown))
    }

    /// The user's claims, if it is not an application that calls.
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::Service(_) => None,
            Self::User(UserAuth(claims)) => Some(claims),
        }
    }
}

async fn check_service(request: &Request, bearer: Bearer) -> Option<()> {
    token_verifier(request)?.is_service(&bearer.token).then_some(())
}

async fn check_user(request: &Request, bearer: Bearer) -> Option<Claims> {
    token_verifier(request)?.user(&bearer.token)
}

fn bearer(request: &Request) -> Option<BearerToken> {
    request.headers().typed_get::<Authorization<BearerToken>>().map(|Authorization(bearer)| bearer)
}

/// The gate that the edge put beside the request.
pub fn token_verifier(request: &Request) -> Option<&Arc<TokenVerifier>> {
    request.extensions().get::<Arc<TokenVerifier>>()
}

/// The claims of a user token that came elsewhere than in the header, which then must not say anything.
///
/// # Errors
/// [`ApiError::Unauthenticated`].
pub fn user_beside_header(request: &Request, token: Option<&str>) -> Result<Claims, ApiError> {
    let verifier = token_verifier(request).ok_or(ApiError::Internal)?;
    let token = token.filter(|_| !request.headers().contains_key(header::AUTHORIZATION));
    token.and_then(|token| verifier.user(token)).ok_or(ApiError::Unauthenticated)
}
