//! The HTTP API: authentication, scopes, validation, connections, the fast path, outages.

mod addresses;
mod browser_client;
mod browsers;
mod connections;
mod early_answers;
mod fast_path;
mod h2c;
mod memory_budget;
mod outages;
mod presence;
mod refusals;
mod scopes;
mod time_limits;
mod tls;
pub mod tokens;
