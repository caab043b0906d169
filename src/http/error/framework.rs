//! Errors of poem and poem-openapi, as API errors.

use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::StatusCode;

use super::ApiError;
use crate::http::openapi::RouteTable;

impl ApiError {
    /// Converts an error of the framework, for a request of `method` to `path`.
    pub fn from_framework(error: &poem::Error, method: &str, path: &str, routes: &RouteTable) -> Self {
        if let Some(error) = error.downcast_ref::<Self>() {
            return error.clone();
        }
        if let Some(error) = error.downcast_ref::<poem_openapi::error::ParseParamError>() {
            return Self::invalid(error.name, own_sentence(&error.reason));
        }
        if let Some(error) = error.downcast_ref::<poem_openapi::error::ParsePathError>() {
            return Self::of_path_parameter(error, path, routes);
        }
        let (method, route) = (method.to_owned(), path.trim_matches('/').to_owned());
        match (error.status(), routes.allowed(path).map(str::to_owned)) {
            // As in Laravel's router: a path that is not UTF-8 matches no route.
            _ if error.is::<NotFoundError>() || error.is::<ParsePathError>() => Self::NoRoute(route),
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
                tracing::error!(%error, route, "request failed");
                Self::Internal
            }
        }
    }

    fn of_path_parameter(error: &poem_openapi::error::ParsePathError, path: &str, routes: &RouteTable) -> Self {
        // As in Laravel's router: a path that is not UTF-8 matches no route.
        if percent_encoding::percent_decode_str(path).decode_utf8().is_err() {
            return Self::NoRoute(path.trim_matches('/').to_owned());
        }
        let index = error.name.strip_prefix("param").and_then(|index| index.parse().ok());
        let name = index.and_then(|index| routes.parameter(path, index)).unwrap_or(error.name);
        Self::invalid(name, own_sentence(&error.reason))
    }
}

/// The sentence of the parameter's own type, without the text that poem-openapi puts before and behind it.
fn own_sentence(text: &str) -> &str {
    let own = text.split_once("\": ").filter(|(preamble, _)| preamble.starts_with("failed to parse"));
    let text = own.map_or(text, |(_, own)| own);
    text.split_once(" (occurred while parsing").map_or(text, |(own, _)| own)
}
