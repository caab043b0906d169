//! The edge that all wings share: listening, who calls, bodies, errors, limits, documents.
//!
//! Whatever a caller does wrong gets a 4xx in Laravel's JSON, whatever it accepts; see [`problem`] for the one table.

pub mod auth;
pub mod body;
pub mod cors;
pub mod docs;
pub mod doors;
pub mod edge;
pub mod json;
pub mod page;
pub mod problem;
pub mod schema;
pub mod server;
pub mod throttle;

pub use edge::{ClientIp, Edge, address};
pub use json::Json;
pub use page::PageSize;
pub use problem::{Failed, Problem};
