//! The HTTP API: authentication, scopes, validation, connections, the fast path, outages.

mod addresses;
mod browser_client;
mod browsers;
mod connections;
mod early_answers;
mod fast_path;
mod h2c;
mod memory_budget;
mod operations;
mod outages;
mod presence;
mod refusals;
mod scopes;
mod time_limits;
mod tls;
pub mod tokens;

use crate::support::Sidecar;

/// The number of refusals by a limit, as the metrics of a sidecar count them.
async fn refusals_by(sidecar: &Sidecar, limit: &str) -> Option<f64> {
    let sample = format!("presence_sidecar_rejected_total{{limit=\"{limit}\"}}");
    crate::watching::metric(&sidecar.client, &sample).await
}
