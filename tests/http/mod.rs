//! The edge: who may call, what is refused and how, limits, outages.

mod browsers;
mod connections;
mod fast_path;
mod outages;
mod presence;
mod refusals;
mod scopes;
pub mod tokens;
