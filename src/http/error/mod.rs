//! Errors of the APIs, and the one table from an error to its HTTP status.
//!
//! Every error response is Laravel's JSON: `{"message"}`, and for 422 also `{"errors"}`, whatever the request accepts.
//! Features choose the variant and the sentence; the status and the headers are chosen here, without a catch-all arm.

mod body;
mod documented;
mod framework;

use poem::error::ResponseError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};

use self::body::ErrorBody;
pub use self::body::ValidationErrors;
pub use self::documented::{
    BODY_TIMEOUT, Documented, ErrorSet, FORBIDDEN, INVALID, MALFORMED_JSON, MEDIA_TYPE, NOT_FOUND, TOO_LARGE, TOO_MANY,
    UNAUTHENTICATED, UNAVAILABLE,
};
use super::throttle::{Allowed, LimitExceeded};

/// An error response.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("The request body is not valid JSON: {0}.")]
    MalformedJson(String),
    /// The request has no valid token.
    #[error("Unauthenticated.")]
    Unauthenticated,
    /// The request has no valid token; with the sentence and the challenge of an API of its own.
    #[error("{message}")]
    Unauthorized {
        /// The sentence in the body.
        message: &'static str,
        /// The scheme in `WWW-Authenticate`.
        scheme: &'static str,
    },
    /// The token is valid, but does not permit this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// There is no such route.
    #[error("The route {0} could not be found.")]
    NoRoute(String),
    /// The route does not support the method.
    #[error("The {method} method is not supported for route {route}. Supported methods: {allowed}.")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The route, without the slash in front.
        route: String,
        /// The methods the route supports, comma separated.
        allowed: String,
    },
    /// The body did not arrive within `server.body_timeout`.
    #[error("The request body did not arrive in time.")]
    BodyTimeout,
    /// The body is larger than `server.body_limit`.
    #[error("The POST data is too large.")]
    TooLarge,
    /// The body has another media type than JSON.
    #[error("The content type must be application/json.")]
    MediaType,
    /// Fields that failed validation.
    #[error("{}", .0.summary())]
    Invalid(ValidationErrors),
    /// The entries that follow a cursor are no longer kept in full.
    #[error("{message}")]
    CursorExpired {
        /// The sentence in the body.
        message: &'static str,
        /// The cursor of the oldest entry that is kept.
        oldest_cursor: String,
    },
    /// The addressed resource does not exist.
    #[error("{0}")]
    NotFound(&'static str),
    /// The value belongs to another resource already.
    #[error("{0}")]
    Conflict(&'static str),
    /// The rate limit is used up.
    #[error("Too Many Attempts.")]
    TooMany(LimitExceeded),
    /// An error of a request that counted against a rate limit: its response says what is left.
    #[error("{0}")]
    WithRateLimit(Box<Self>, Allowed),
    /// A store is unavailable; the caller may retry. The sentence is the feature's.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A defect of this program.
    #[error("Server Error")]
    Internal,
}

impl ApiError {
    /// A validation error of one field; `rest` completes the sentence "The … field".
    pub fn invalid(field: &str, rest: &str) -> Self {
        Self::Invalid(ValidationErrors::of_field(field, rest))
    }

    fn status_code(&self) -> StatusCode {
        match self {
            Self::MalformedJson(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoRoute(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::CursorExpired { .. } | Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::WithRateLimit(error, _) => error.status_code(),
        }
    }

    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unauthorized { scheme, .. } => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
            Self::MethodNotAllowed { allowed, .. } => {
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    headers.insert(header::ALLOW, allowed);
                }
            }
            Self::TooLarge | Self::BodyTimeout => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::TooMany(exceeded) => exceeded.write(headers),
            Self::WithRateLimit(error, allowed) => {
                error.add_headers(response);
                allowed.write(response.headers_mut());
            }
            Self::MalformedJson(_)
            | Self::Forbidden(_)
            | Self::NoRoute(_)
            | Self::MediaType
            | Self::Invalid(_)
            | Self::CursorExpired { .. }
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Internal => {}
        }
    }

    fn body(&self) -> ErrorBody {
        match self {
            Self::WithRateLimit(error, _) => error.body(),
            Self::Invalid(errors) => ErrorBody { errors: Some(errors.clone()), ..ErrorBody::new(self) },
            Self::CursorExpired { oldest_cursor, .. } => {
                ErrorBody { oldest_cursor: Some(oldest_cursor.clone()), ..ErrorBody::new(self) }
            }
            _ => ErrorBody::new(self),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = Response::builder().status(self.status_code()).content_type("application/json").body(body);
        self.add_headers(&mut response);
        response
    }
}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.status_code()
    }

    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}
