//! What operators do with deliveries: look at them, send them again, send a ping.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::client::WebhookClient;
use super::domain::egress::EgressPolicy;
use super::domain::payload;
use super::domain::retry::AttemptResult;
use crate::config::{EndpointConfig, WebhookConfig};
use crate::queue;
use crate::queue::{JobInfo, JobState, Queue};
use crate::storage::Result;

/// So many dead letters are looked through at once.
const PAGE: usize = 500;

/// The deliveries of all endpoints.
pub struct DeliveryAdmin {
    queue: Arc<dyn Queue>,
    endpoints: Vec<String>,
}

/// A delivery as operators see it.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Where to.
    pub endpoint: String,
    /// What is queued.
    pub job: JobInfo,
}

/// A place in a list: an endpoint, and the delivery before.
#[derive(Clone, Debug)]
pub struct DeliveryCursor {
    endpoint: String,
    after: queue::ListCursor,
}

impl DeliveryAdmin {
    /// The deliveries in `queue` to the endpoints called so.
    pub fn new(queue: Arc<dyn Queue>, endpoints: Vec<String>) -> Self {
        Self { queue, endpoints }
    }

    /// Whether there is such an endpoint.
    pub fn knows(&self, endpoint: &str) -> bool {
        self.endpoints.iter().any(|known| known == endpoint)
    }

    /// Up to `limit` deliveries of one endpoint or all of them, oldest first within each, and where to go on.
    pub async fn list(
        &self,
        standing: JobState,
        endpoint: Option<&str>,
        place: Option<DeliveryCursor>,
        limit: usize,
    ) -> Result<(Vec<DeliveryView>, Option<DeliveryCursor>)> {
        let mut found = Vec::new();
        let mut place = place.as_ref();
        for name in self.endpoints.iter().filter(|name| endpoint.is_none_or(|wanted| wanted == *name)) {
            let after = match place {
                Some(place) if place.endpoint != *name => continue,
                Some(_) => place.take().map(|place| &place.after),
                None => None,
            };
            let jobs = self.queue.list(name, standing, after, limit - found.len()).await?;
            found.extend(jobs.into_iter().map(|job| DeliveryView { endpoint: name.clone(), job }));
            if found.len() == limit {
                break;
            }
        }
        let last = found.last().filter(|_| found.len() == limit);
        let next = last.map(|last| DeliveryCursor { endpoint: last.endpoint.clone(), after: last.job.cursor.clone() });
        Ok((found, next))
    }

    /// Queues a dead letter again; false if there is none called so.
    pub async fn replay(&self, endpoint: &str, id: &str) -> Result<bool> {
        Ok(self.queue.replay(endpoint, &[id.to_owned()]).await? > 0)
    }

    /// Queues all dead letters again that were queued at `since` (milliseconds since 1970) or later; says how many.
    pub async fn replay_since(&self, endpoint: Option<&str>, since: i64) -> Result<usize> {
        let mut count = 0;
        for name in self.endpoints.iter().filter(|name| endpoint.is_none_or(|wanted| wanted == *name)) {
            let mut last = None;
            loop {
                let page = self.queue.list(name, JobState::Dead, last.as_ref(), PAGE).await?;
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

/// Sends a signed ping to `endpoint`; gives what came back, and the beginning of its body.
///
/// # Errors
/// There is no TLS to be had.
pub async fn ping(webhook: &WebhookConfig, endpoint: &EndpointConfig) -> reqwest::Result<(AttemptResult, Vec<u8>)> {
    let sender = WebhookClient::new(endpoint.clone(), EgressPolicy::new(&webhook.allowed_networks))?;
    let (now, id) = (chrono::Utc::now(), uuid::Uuid::new_v4());
    let body = payload::ping(&id, &now.to_rfc3339_opts(chrono::SecondsFormat::Secs, false));
    Ok(sender.exchange(&payload::sign(endpoint, &id.to_string(), body, now.timestamp())).await)
}

impl fmt::Display for DeliveryCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}@{}", self.after.at, self.after.id, self.endpoint)
    }
}

/// A text that no list of deliveries gave out.
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
