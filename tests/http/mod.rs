//! The HTTP API: authentication, scopes, validation, connections, the fast path, outages.

mod browsers;
mod connections;
mod fast_path;
mod outages;
mod presence;
mod refusals;
mod scopes;
pub mod tokens;
