//! Rate limits and the unverified credentials of clients.
//!
//! The rate limit of a client counts by its id and token together, so that a caller without the token cannot use up the
//! client's requests. Requests with an invalid token count by IP address. An address that has used up its limit is let
//! through only with tokens that are cached: any other check costs a query, and for some clients a bcrypt.

use std::time::Instant;

use poem::Request;
use poem_openapi::payload::Response;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::http::throttle::{Allowed, RateLimiter};
use crate::http::{ApiError, address};
use crate::messaging::Messaging;
use crate::messaging::domain::ClientId;
use crate::messaging::service::{Caller, MessagingError, Result};
use crate::php::base64;

const MISSING: ApiError = ApiError::Unauthorized { message: "Missing credentials", scheme: "Bearer" };
const INVALID: ApiError = ApiError::Unauthorized { message: "Invalid token", scheme: "Bearer" };

/// The credentials of a request, unverified.
pub(super) struct ClaimedCredentials {
    /// The id of the client.
    pub id: Option<String>,
    /// The API token.
    pub token: Option<String>,
}

/// A request within its rate limits.
pub(super) struct Admission<'a> {
    /// The client that the request claims to come from.
    pub caller: Caller,
    limiter: Option<&'a RateLimiter>,
    address: String,
    allowed: Option<Allowed>,
}

impl<'a> Admission<'a> {
    /// Checks the form of the credentials and the rate limits, without a query to the database.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] or [`ApiError::TooMany`].
    pub(super) fn check(
        limiter: Option<&'a RateLimiter>,
        request: &Request,
        claimed: ClaimedCredentials,
        messaging: &Messaging,
    ) -> std::result::Result<Self, ApiError> {
        let address = address(request);
        // PHP considers "0" empty, too.
        let filled = |text: Option<String>| text.filter(|text| !matches!(text.as_str(), "" | "0"));
        let (Some(id), Some(token)) = (filled(claimed.id), filled(claimed.token)) else {
            return Err(reject(limiter, &address, MISSING));
        };
        let Some(id) = ClientId::parse(&id) else { return Err(reject(limiter, &address, INVALID)) };
        let caller = Caller { id, token: Zeroizing::new(token) };
        if !messaging.clients.is_cached(&caller) {
            peek(limiter, &address)?;
        }
        let allowed = acquire(limiter, &rate_limit_key(&caller))?;
        Ok(Self { caller, limiter, address, allowed })
    }

    /// Checks that the limit of the request's address is not used up, before the client is known.
    ///
    /// # Errors
    /// [`ApiError::TooMany`].
    pub(super) fn check_address(limiter: Option<&RateLimiter>, request: &Request) -> std::result::Result<(), ApiError> {
        peek(limiter, &address(request))
    }

    /// Authenticates the client, unless its token is cached.
    ///
    /// # Errors
    /// [`ApiError::Unauthorized`] for an invalid token, and those of the database.
    pub(super) async fn authenticate(self, messaging: &Messaging) -> std::result::Result<Self, ApiError> {
        if messaging.clients.is_cached(&self.caller) {
            return Ok(self);
        }
        match messaging.clients.authenticate(&self.caller).await {
            Ok(_) => Ok(self),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The response to `result`, with the remaining requests of the caller.
    pub(super) fn respond<T>(self, result: Result<T>) -> std::result::Result<Response<T>, ApiError> {
        match result {
            Ok(body) => Ok(rate_limited(body, self.allowed)),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// The response to an invalid request. Authentication comes first: an invalid token is reported instead of `error`.
    pub(super) async fn refuse(self, error: ApiError, messaging: &Messaging) -> ApiError {
        match messaging.clients.authenticate(&self.caller).await {
            Ok(_) => with_rate_limit(error, self.allowed),
            Err(error) => self.fail(error),
        }
    }

    /// The response to a request that failed.
    pub(super) fn fail(self, error: MessagingError) -> ApiError {
        match error {
            MessagingError::InvalidToken => reject(self.limiter, &self.address, INVALID),
            error => with_rate_limit(error.into(), self.allowed),
        }
    }
}

/// A response with the remaining requests of the caller.
pub(super) fn rate_limited<T>(body: T, allowed: Option<Allowed>) -> Response<T> {
    let response = Response::new(body);
    match allowed {
        Some(allowed) => {
            response.header("x-ratelimit-limit", allowed.limit).header("x-ratelimit-remaining", allowed.remaining)
        }
        None => response,
    }
}

/// Counts a request of this key.
///
/// # Errors
/// [`ApiError::TooMany`] if its limit is used up.
pub(super) fn acquire(limiter: Option<&RateLimiter>, key: &str) -> std::result::Result<Option<Allowed>, ApiError> {
    limiter.map(|limiter| limiter.acquire(key, Instant::now())).transpose().map_err(ApiError::TooMany)
}

/// Counts bytes that a request of this key stores.
///
/// # Errors
/// [`ApiError::TooMany`] if too few are left.
pub(super) fn acquire_bytes(
    limiter: Option<&RateLimiter>,
    key: &str,
    bytes: usize,
) -> std::result::Result<(), ApiError> {
    let Some(limiter) = limiter else { return Ok(()) };
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    limiter.acquire_many(key, bytes, Instant::now()).map(drop).map_err(ApiError::TooMany)
}

/// Checks that the limit of this key is not used up, without counting.
fn peek(limiter: Option<&RateLimiter>, key: &str) -> std::result::Result<(), ApiError> {
    limiter.map_or(Ok(()), |limiter| limiter.peek(key, Instant::now())).map_err(ApiError::TooMany)
}

/// An error with the remaining requests of the caller.
pub(super) fn with_rate_limit(error: ApiError, allowed: Option<Allowed>) -> ApiError {
    match allowed {
        Some(allowed) => ApiError::WithRateLimit(Box::new(error), allowed),
        None => error,
    }
}

/// The response to a request without valid credentials, which counts by IP address.
fn reject(limiter: Option<&RateLimiter>, address: &str, error: ApiError) -> ApiError {
    match acquire(limiter, address) {
        Ok(allowed) => with_rate_limit(error, allowed),
        Err(exceeded) => exceeded,
    }
}

fn rate_limit_key(Caller { id, token }: &Caller) -> String {
    let digest = Sha256::new().chain_update(id.as_str()).chain_update(token.as_bytes()).finalize();
    base64::encode(&digest)
}
