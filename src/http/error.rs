//! The one table from errors to HTTP. ValidationErrors are Laravel's JSON, always: `{"message"}`, for 422 also `{"errors"}`.

use std::marker::PhantomData;

use indexmap::IndexMap;
use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::{Deserialize, Serialize};

use super::openapi::RouteTable;
use super::throttle::{Allowed, LimitExceeded};
use crate::openapi_by_serde;

/// Why a request is not answered as hoped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("The request body is not valid JSON: {0}.")]
    MalformedJson(String),
    /// Nobody this sidecar knows.
    #[error("Unauthenticated.")]
    Unauthenticated,
    /// Somebody it knows, who may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such route.
    #[error("The route {0} could not be found.")]
    NoRoute(String),
    /// No such method at this route.
    #[error("The {method} method is not supported for route {route}. Supported methods: {allowed}.")]
    MethodNotAllowed {
        /// What was asked for.
        method: String,
        /// Where.
        route: String,
        /// What there is, comma separated.
        allowed: String,
    },
    /// The body did not arrive in time.
    #[error("The request body did not arrive in time.")]
    BodyTimeout,
    /// The body is larger than `server.body_limit`.
    #[error("The POST data is too large.")]
    TooLarge,
    /// The body is of another media type.
    #[error("The content type must be application/json.")]
    MediaType,
    /// Values that are not as they must be, by field.
    #[error("{}", summary(.0))]
    Invalid(ValidationErrors),
    /// What was asked for is no longer kept.
    #[error("The cursor is older than the log. What is left follows oldest_cursor; take a snapshot to catch up.")]
    CursorExpired(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(&'static str),
    /// Nobody this sidecar knows, told in the reference server's words.
    #[error("{message}")]
    Unauthorized {
        /// What to say.
        message: &'static str,
        /// How to say who one is, for `WWW-Authenticate`.
        scheme: &'static str,
    },
    /// It is somebody else's already.
    #[error("{0}")]
    Conflict(&'static str),
    /// Too many requests in the window.
    #[error("Too Many Attempts.")]
    TooMany(LimitExceeded),
    /// Something that was counted all the same: the answer tells what is left.
    #[error("{0}")]
    WithRateLimit(Box<Self>, Allowed),
    /// A store is unavailable; the caller may retry. The message is the feature's.
    #[error("{0}")]
    Unavailable(&'static str),
    /// A defect of this program.
    #[error("Server Error")]
    Internal,
}

impl ApiError {
    /// A value that is not as it must be; `rest` completes "The … field".
    pub fn invalid(field: &str, rest: &str) -> Self {
        let label = field.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(field).replace('_', " ");
        Self::Invalid(ValidationErrors(IndexMap::from([(field.to_owned(), vec![format!("The {label} field {rest}")])])))
    }

    fn status_code(&self) -> StatusCode {
        match self {
            Self::WithRateLimit(problem, _) => problem.status_code(),
            Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::MalformedJson(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoRoute(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::CursorExpired(_) => StatusCode::CONFLICT,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a framework error means for a request of `method` to `path`.
    pub fn from_framework(error: &poem::Error, method: &str, path: &str, routes: &RouteTable) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(error) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
            return Self::invalid(error.name, reason(&error.reason));
        }
        if let Some(error) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
            // As in Laravel's router: what is no UTF-8 fits no route.
            if percent_encoding::percent_decode_str(path).decode_utf8().is_err() {
                return Self::NoRoute(path.trim_matches('/').to_owned());
            }
            let place = error.name.strip_prefix("param").and_then(|place| place.parse().ok());
            let name = place.and_then(|place| routes.parameter(path, place)).unwrap_or(error.name);
            return Self::invalid(name, reason(&error.reason));
        }
        let (method, route) = (method.to_owned(), path.trim_matches('/').to_owned());
        match (error.status(), routes.allowed(path).map(str::to_owned)) {
            _ if error.is::<NotFoundError>() => Self::NoRoute(route),
            (_, Some(allowed)) if error.is::<MethodNotAllowedError>() => {
                Self::MethodNotAllowed { method, route, allowed }
            }
            (StatusCode::UNAUTHORIZED, _) => Self::Unauthenticated,
            (StatusCode::FORBIDDEN, _) => Self::Forbidden("This action is unauthorized."),
            (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _) => Self::NoRoute(route),
            (StatusCode::PAYLOAD_TOO_LARGE, _) => Self::TooLarge,
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, _) => Self::MediaType,
            (status, _) if status.is_client_error() => Self::MalformedJson(error.to_string()),
            _ => {
                tracing::error!(%error, route, "a request failed");
                Self::Internal
            }
        }
    }
}

/// poem-openapi puts a preamble before, and may put a remark behind, the sentence of a parameter's own type.
fn reason(text: &str) -> &str {
    let own = text.split_once("\": ").filter(|(preamble, _)| preamble.starts_with("failed to parse"));
    let text = own.map_or(text, |(_, own)| own);
    text.split_once(" (occurred while parsing").map_or(text, |(own, _)| own)
}

fn summary(errors: &ValidationErrors) -> String {
    let mut sentences = errors.0.values().flatten();
    let first = sentences.next().cloned().unwrap_or_default();
    match sentences.count() {
        0 => first,
        1 => format!("{first} (and 1 more error)"),
        more => format!("{first} (and {more} more errors)"),
    }
}

/// An error as callers read it.
#[derive(Object, Serialize)]
#[oai(rename = "Error")]
struct ErrorBody {
    /// One sentence for people.
    message: String,
    /// For 422: sentences by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    errors: Option<ValidationErrors>,
    /// For 409: where what is left of the log begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    oldest_cursor: Option<String>,
}

/// Sentences by field, as Laravel's validator gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationErrors(IndexMap<String, Vec<String>>);

impl FromIterator<(String, Vec<String>)> for ValidationErrors {
    fn from_iter<I: IntoIterator<Item = (String, Vec<String>)>>(sentences: I) -> Self {
        Self(sentences.into_iter().collect())
    }
}

openapi_by_serde!(ValidationErrors, "Errors", {
    let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
    let sentences = MetaSchema { items: Some(Box::new(inline(MetaSchema::new("string")))), ..MetaSchema::new("array") };
    MetaSchema { additional_properties: Some(Box::new(inline(sentences))), ..MetaSchema::new("object") }
});

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::WithRateLimit(problem, passed) = self {
            let mut response = problem.into_response();
            passed.write(response.headers_mut());
            return response;
        }
        let errors = if let Self::Invalid(errors) = &self { Some(errors.clone()) } else { None };
        let oldest_cursor = if let Self::CursorExpired(oldest) = &self { Some(oldest.clone()) } else { None };
        let described = ErrorBody { message: self.to_string(), errors, oldest_cursor };
        let body = serde_json::to_vec(&described).unwrap_or_default();
        let mut response = Response::builder().status(self.status_code()).content_type("application/json").body(body);
        match &self {
            Self::Unauthenticated => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::MethodNotAllowed { allowed, .. } => {
                if let Ok(allowed) = HeaderValue::from_str(allowed) {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
            }
            Self::TooMany(exceeded) => exceeded.write(response.headers_mut()),
            Self::TooLarge | Self::BodyTimeout => {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Self::Unauthorized { scheme, .. } => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
            Self::Unavailable(_) => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::MalformedJson(_)
            | Self::Forbidden(_)
            | Self::NoRoute(_)
            | Self::MediaType
            | Self::Invalid(_)
            | Self::CursorExpired(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::WithRateLimit(..)
            | Self::Internal => {}
        }
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

/// Which errors an operation documents.
pub trait ErrorSet: Send + Sync + 'static {
    /// ErrorSet and what each means there.
    const LIST: &'static [(u16, &'static str)];
}

/// Operations that read a JSON body.
#[derive(Debug)]
pub struct BodyErrors;
/// Operations without one.
#[derive(Debug)]
pub struct ReadErrors;
/// Operations that go on from a place in the change log.
#[derive(Debug)]
pub struct CursorErrors;
/// Operations on one thing among many.
#[derive(Debug)]
pub struct ResourceErrors;
/// Operations for browsers, which are throttled.
#[derive(Debug)]
pub struct BrowserErrors;

/// Operations for clients with an API token, which are throttled.
#[derive(Debug)]
pub struct ClientErrors;
/// Registering, which is throttled.
#[derive(Debug)]
pub struct PublicErrors;
/// Operations for those who may publish.
#[derive(Debug)]
pub struct AdminErrors;
/// Operations for operators.
#[derive(Debug)]
pub struct OperatorErrors;

const UNAUTHENTICATED: (u16, &str) = (401, "No valid token");
const FORBIDDEN: (u16, &str) = (403, "The token is not for this");
const INVALID: (u16, &str) = (422, "A value is not as it must be");
const NOT_FOUND: (u16, &str) = (404, "There is no such thing");
const CURSOR_EXPIRED: (u16, &str) = (409, "What follows the cursor is no longer kept in full");
const UNAVAILABLE: (u16, &str) = (503, "The store is down; come back");
const MALFORMED_JSON: (u16, &str) = (400, "The body is not JSON");
const BODY_TIMEOUT: (u16, &str) = (408, "The body did not arrive in time");
const TOO_LARGE: (u16, &str) = (413, "The body is larger than server.body_limit");
const MEDIA_TYPE: (u16, &str) = (415, "The body is not application/json");
const TOO_MANY: (u16, &str) = (429, "Too many requests in this window");

impl ErrorSet for BodyErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[MALFORMED_JSON, UNAUTHENTICATED, FORBIDDEN, BODY_TIMEOUT, TOO_LARGE, MEDIA_TYPE, INVALID, UNAVAILABLE];
}

impl ErrorSet for ReadErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, INVALID, UNAVAILABLE];
}

impl ErrorSet for CursorErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, CURSOR_EXPIRED, INVALID, UNAVAILABLE];
}

impl ErrorSet for ResourceErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, UNAVAILABLE];
}

const UNDECRYPTABLE: (u16, &str) = (500, "A stored secret does not decrypt: it was encrypted with another APP_KEY");
const TAKEN: (u16, &str) = (409, "It is somebody else's already");

impl ErrorSet for ClientErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[UNAUTHENTICATED, BODY_TIMEOUT, TOO_LARGE, INVALID, UNDECRYPTABLE, UNAVAILABLE];
}

impl ErrorSet for PublicErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[FORBIDDEN, BODY_TIMEOUT, TAKEN, TOO_LARGE, INVALID, TOO_MANY, UNAVAILABLE];
}

impl ErrorSet for AdminErrors {
    const LIST: &'static [(u16, &'static str)] =
        &[FORBIDDEN, BODY_TIMEOUT, TOO_LARGE, INVALID, UNDECRYPTABLE, UNAVAILABLE];
}

impl ErrorSet for OperatorErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, UNAVAILABLE];
}

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

/// A [`ApiError`] of an operation that documents the statuses of `S`.
#[derive(Debug)]
pub struct Documented<S>(ApiError, PhantomData<S>);

impl<S, P: Into<ApiError>> From<P> for Documented<S> {
    fn from(problem: P) -> Self {
        Self(problem.into(), PhantomData)
    }
}

impl<S> From<Documented<S>> for poem::Error {
    fn from(failed: Documented<S>) -> Self {
        failed.0.into()
    }
}

impl<S: ErrorSet> ApiResponse for Documented<S> {
    fn meta() -> MetaResponses {
        let response = |(status, description): &(u16, &'static str)| MetaResponse {
            description,
            status: Some(*status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: ErrorBody::schema_ref() }],
            headers: Vec::new(),
        };
        MetaResponses { responses: S::LIST.iter().map(response).collect() }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}
