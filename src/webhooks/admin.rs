//! Operators' access to deliveries: list and replay them, send a ping.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::client::WebhookClient;
use super::domain::payload;
use super::domain::retry::AttemptResult;
use crate::config::{EndpointConfig, WebhookConfig};
use crate::egress::EgressPolicy;
use crate::queue;
use crate::queue::{JobInfo, JobState, Queue};
use crate::storage::Result;

/// Number of dead letters read at once.
const PAGE_SIZE: usize = 500;

/// The deliveries of all endpoints.
pub struct DeliveryAdmin {
    queue: Arc<dyn Queue>,
    endpoints: Vec<String>,
}

/// A delivery as operators see it.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// The endpoint's name.
    pub endpoint: String,
    /// The queued job.
    pub job: JobInfo,
}

/// A position in a list: the endpoint and the position in its queue.
#[derive(Clone, Debug)]
pub struct DeliveryCursor {
    endpoint: String,
    after: queue::ListCursor,
}

impl DeliveryAdmin {
    /// The deliveries in `queue` to `endpoints`, by name.
    pub fn new(queue: Arc<dyn Queue>, endpoints: Vec<String>) -> Self {
        Self { queue, endpoints }
    }

    /// Whether an endpoint with this name exists.
    pub fn has_endpoint(&self, endpoint: &str) -> bool {
        self.endpoints.iter().any(|known| known == endpoint)
    }

    /// Up to `limit` deliveries of one endpoint or of all, oldest first within each, and the cursor of the next page.
    pub async fn list(
        &self,
        state: JobState,
        endpoint: Option<&str>,
        cursor: Option<DeliveryCursor>,
        limit: usize,
    ) -> Result<(Vec<DeliveryView>, Option<DeliveryCursor>)> {
        let mut found = Vec::new();
        let mut cursor = cursor.as_ref();
        for name in self.endpoints.iter().filter(|name| endpoint.is_none_or(|wanted| wanted == *name)) {
            let after = match cursor {
                Some(cursor) if cursor.endpoint != *name => continue,
                Some(_) => cursor.take().map(|cursor| &cursor.after),
                None => None,
            };
            let jobs = self.queue.list(name, state, after, limit - found.len()).await?;
            found.extend(jobs.into_iter().map(|job| DeliveryView { endpoint: name.clone(), job }));
            if found.len() == limit {
                break;
            }
        }
        let last = found.last().filter(|_| found.len() == limit);
        let next = last.map(|last| DeliveryCursor { endpoint: last.endpoint.clone(), after: last.job.cursor.clone() });
        Ok((found, next))
    }

    /// Queues a dead letter again; false if there is none with this id.
    pub async fn replay(&self, endpoint: &str, id: &str) -> Result<bool> {
        Ok(self.queue.replay(endpoint, &[id.to_owned()]).await? > 0)
    }

    /// Queues all dead letters again that were queued at `since` (milliseconds since 1970) or later; returns their number.
    pub async fn replay_since(&self, endpoint: Option<&str>, since: i64) -> Result<usize> {
        let mut count = 0;
        for name in self.endpoints.iter().filter(|name| endpoint.is_none_or(|wanted| wanted == *name)) {
            let mut last = None;
            loop {
                let page = self.queue.list(name, JobState::Dead, last.as_ref(), PAGE_SIZE).await?;
                let ids: Vec<String> =
                    page.iter().filter(|job| job.pushed_at >= since).map(|job| job.id.clone()).collect();
                if !ids.is_empty() {
                    count += self.queue.replay(name, &ids).await?;
                }
                match page.into_iter().next_back() {
                    Some(job) => last = Some(job.cursor),
                    None => break,
                }
            }
        }
        Ok(count)
    }
}

/// Sends a signed ping to `endpoint`; returns the result, and the beginning of the response's body.
///
/// # Errors
/// TLS cannot be initialized.
pub async fn ping(webhook: &WebhookConfig, endpoint: &EndpointConfig) -> reqwest::Result<(AttemptResult, Vec<u8>)> {
    let client = WebhookClient::new(endpoint.clone(), EgressPolicy::new(&webhook.allowed_networks))?;
    let (now, id) = (chrono::Utc::now(), uuid::Uuid::new_v4());
    let body = payload::ping(&id, &now.to_rfc3339_opts(chrono::SecondsFormat::Secs, false));
    Ok(client.exchange(&payload::sign(endpoint, &id.to_string(), body, now.timestamp())).await)
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}@{}", self.after.at, self.after.id, self.endpoint)
    }
}

/// A text that is not a cursor of a list of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a next_cursor of a list of deliveries.")]
pub struct InvalidDeliveryCursor;

impl FromStr for DeliveryCursor {
    type Err = InvalidDeliveryCursor;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidDeliveryCursor> {
        let (at, rest) = text.split_once('.').ok_or(InvalidDeliveryCursor)?;
        let (id, endpoint) = rest.split_once('@').ok_or(InvalidDeliveryCursor)?;
        let after = queue::ListCursor { at: at.parse().map_err(|_| InvalidDeliveryCursor)?, id: id.to_owned() };
        Ok(Self { endpoint: endpoint.to_owned(), after })
    }
}
