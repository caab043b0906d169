//! What all APIs share: the server, middleware, authentication, bodies, errors, rate limits, the OpenAPI document. It
//! knows no feature.
//!
//! Every invalid request gets a 4xx response in Laravel's JSON; [`error`] has the table of errors and statuses.

pub mod accept;
pub mod address;
pub mod auth;
pub mod body;
pub mod body_policy;
pub mod budget;
pub mod compressed_text;
pub mod connection;
pub mod context;
pub mod cors;
pub mod error;
pub mod json;
pub mod listener;
pub mod middleware;
pub mod openapi;
pub mod pagination;
pub mod query;
pub mod request_metrics;
pub mod response_bytes;
pub mod schema;
pub mod static_file;
pub mod throttle;
pub mod token_verifier;

pub use self::address::{ClientIp, address};
pub use self::error::{ApiError, Documented};
pub use self::json::Json;
pub use self::middleware::Middleware;
pub use self::pagination::PageSize;
