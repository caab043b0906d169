//! The edge that all wings share: listening, who calls, bodies, errors, limits, documents.
//!
//! Whatever a caller does wrong gets a 4xx in Laravel's JSON, whatever it accepts; see [`problem`] for the one table.

pub mod auth;
pub mod body;
pub mod cors;
pub mod error;
pub mod json;
pub mod listener;
pub mod middleware;
pub mod openapi;
pub mod pagination;
pub mod schema;
pub mod throttle;

pub use self::error::{ApiError, Documented};
pub use self::json::Json;
pub use self::middleware::{ClientIp, Middleware, address};
pub use self::pagination::PageSize;
