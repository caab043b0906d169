//! Who is asking, and whether it is their turn.
//!
//! A client is counted by its id and token together, so that nobody who lacks the token uses up its requests. Who turns
//! out to have no valid token is counted by address. From an address that has used up its guesses only those are let in
//! who are remembered: a guess costs a query, and for some clients a bcrypt.

use std::time::Instant;

use poem::Request;
use poem_openapi::payload::Response;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::http::throttle::{Allowed, RateLimiter};
use crate::http::{ApiError, address};
use crate::messaging::Messaging;
use crate::messaging::domain::ClientId;
use crate::messaging::service::{Caller, MessagingError, Outcome};
use crate::php::base64;

const MISSING: ApiError = ApiError::Unauthorized { message: "Missing credentials", scheme: "Bearer" };
const INVALID: ApiError = ApiError::Unauthorized { message: "Invalid token", scheme: "Bearer" };

/// What a client shows.
pub(super) struct ClaimedCredentials {
    /// Whom it says it is.
    pub id: Option<String>,
    /// What is to prove it.
    pub token: Option<String>,
}

/// A request whose turn it is.
pub(super) struct Admission<'a> {
    pub caller: Caller,
    throttle: Option<&'a RateLimiter>,
    address: String,
    passed: Option<Allowed>,
}

impl<'a> Admission<'a> {
    /// Lets a client in, as far as can be said without asking the database.
    pub(super) fn admit(
        throttle: Option<&'a RateLimiter>,
        request: &Request,
        shown: ClaimedCredentials,
        messaging: &Messaging,
    ) -> Result<Self, ApiError> {
        let address = address(request);
        let filled = |text: Option<String>| text.filter(|text| !matches!(text.as_str(), "" | "0"));
        let (Some(id), Some(token)) = (filled(shown.id), filled(shown.token)) else {
            return Err(turned_away(throttle, &address, MISSING));
        };
        let Some(id) = ClientId::parse(&id) else { return Err(turned_away(throttle, &address, INVALID)) };
        let caller = Caller { id, token: Zeroizing::new(token) };
        if !messaging.remembers(&caller) {
            look(throttle, &address)?;
        }
        let passed = hit(throttle, &pair(&caller))?;
        Ok(Self { caller, throttle, address, passed })
    }

    /// An answer, or the problem that a failure is, with what is left of the caller's requests.
    pub(super) fn settle<T>(self, outcome: Outcome<T>) -> Result<Response<T>, ApiError> {
        match outcome {
            Ok(answer) => Ok(counted(answer, self.passed)),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// The problem with what the caller says; but who it is comes before that.
    pub(super) async fn refuse(self, problem: ApiError, messaging: &Messaging) -> ApiError {
        match messaging.authenticate(&self.caller).await {
            Ok(_) => with_rest(problem, self.passed),
            Err(failure) => self.failed(failure),
        }
    }

    fn failed(self, failure: MessagingError) -> ApiError {
        match failure {
            MessagingError::InvalidToken => turned_away(self.throttle, &self.address, INVALID),
            failure => with_rest(failure.into(), self.passed),
        }
    }
}

/// An answer with what is left of the caller's requests.
pub(super) fn counted<T>(answer: T, passed: Option<Allowed>) -> Response<T> {
    let response = Response::new(answer);
    match passed {
        Some(passed) => {
            response.header("x-ratelimit-limit", passed.limit).header("x-ratelimit-remaining", passed.remaining)
        }
        None => response,
    }
}

/// Counts a request of this caller.
pub(super) fn hit(throttle: Option<&RateLimiter>, caller: &str) -> Result<Option<Allowed>, ApiError> {
    throttle.map(|throttle| throttle.acquire(caller, Instant::now())).transpose().map_err(ApiError::TooMany)
}

fn look(throttle: Option<&RateLimiter>, caller: &str) -> Result<(), ApiError> {
    throttle.map_or(Ok(()), |throttle| throttle.peek(caller, Instant::now())).map_err(ApiError::TooMany)
}

pub(super) fn with_rest(problem: ApiError, passed: Option<Allowed>) -> ApiError {
    match passed {
        Some(passed) => ApiError::WithRateLimit(Box::new(problem), passed),
        None => problem,
    }
}

fn turned_away(throttle: Option<&RateLimiter>, address: &str, problem: ApiError) -> ApiError {
    match hit(throttle, address) {
        Ok(passed) => with_rest(problem, passed),
        Err(exceeded) => exceeded,
    }
}

fn pair(Caller { id, token }: &Caller) -> String {
    let digest = Sha256::new().chain_update(id.as_str()).chain_update(token.as_bytes()).finalize();
    base64::encode(&digest)
}
