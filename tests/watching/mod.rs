//! Metrics, alerts and the dashboard, as a real Prometheus sees them.

mod alerts;
mod causes;
mod dashboard;
mod logs;
mod metrics;
#[cfg(feature = "otlp")]
mod spans;

use crate::support::{Client, Process, Receiver, Reverb};

const APP_KEY: &str = "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=";

/// The variables of a sidecar that posts webhooks to `url`.
fn posting_to(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", url.to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        ("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s".to_owned()),
    ]
}

/// A sidecar with every feature, which has done a little of everything.
async fn busy_sidecar(receiver: &Receiver, server: &Reverb) -> Process {
    let mut environment = posting_to(&receiver.url);
    environment.extend(server.environment());
    environment.push(("APP_KEY", APP_KEY.to_owned()));
    environment.push(("ADMIN_TOKEN", "admin-token-of-the-tests-0123456789abcdef".to_owned()));
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318".to_owned()));
    environment.push(("PRESENCE__CACHE__TTL_SECONDS", "2".to_owned()));
    environment.push(("PRESENCE__CACHE__AWAY_AFTER_SECONDS", "1".to_owned()));
    let sidecar = Process::start(&environment);
    for user in 1..=3 {
        assert_eq!(sidecar.client.heartbeat(user).await.status, 200);
    }
    receiver.wait_for(3).await;
    sidecar
}

/// The value of a sample, with its labels.
pub async fn metric(client: &Client, sample: &str) -> Option<f64> {
    let metrics = client.get("/metrics").await.text;
    metrics.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}
