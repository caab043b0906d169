//! Sends signed requests to the broadcast server.

use reqwest::Method;

use super::domain::batch::{self, BatchLimits};
use super::domain::event::{self, ChannelSet};
use super::domain::signature::signed_url;
use crate::config::{BroadcastServer, Config};
use crate::egress::EgressPolicy;
use crate::webhooks::domain::retry::{AttemptOutcome, AttemptResult};
use crate::webhooks::egress_client::{EgressClient, Trust};

/// The name of the event that [`BroadcastClient::publish_test`] publishes. Pages do not listen to it.
pub const TEST_EVENT: &str = "presence.test";

/// Most bytes of a server's answer that are quoted.
const MAX_QUOTE: usize = 200;

/// An HTTP client for one application on a broadcast server.
#[derive(Clone)]
pub struct BroadcastClient {
    http: EgressClient,
    server: BroadcastServer,
    channels: ChannelSet,
}

impl BroadcastClient {
    /// A client for the server that changes are broadcast by, restricted by the networks that webhooks may reach; `None` if
    /// there is no server.
    ///
    /// # Errors
    /// TLS cannot be initialized.
    pub fn new(config: &Config) -> reqwest::Result<Option<Self>> {
        let Some(server) = config.broadcast.server.clone() else { return Ok(None) };
        let policy = EgressPolicy::new(&config.webhook.allowed_networks);
        let http = EgressClient::new(policy, server.timeout, Trust::of(&server.url, None))?;
        Ok(Some(Self { http, server, channels: ChannelSet::new(&config.broadcast) }))
    }

    /// The server.
    pub fn server(&self) -> &BroadcastServer {
        &self.server
    }

    /// The channels that changes are published on.
    pub fn channels(&self) -> &ChannelSet {
        &self.channels
    }

    /// The limits of a batch.
    pub fn limits(&self) -> BatchLimits {
        BatchLimits::of(&self.server)
    }

    /// Publishes items at `time`, in seconds since 1970: in one request, or in as many as the limits demand. Returns the
    /// result of the last request that was sent, and what the server answered; after one that failed there is no other.
    pub async fn publish<'a>(&self, items: impl Iterator<Item = &'a String>, time: i64) -> (AttemptResult, String) {
        let mut requests = batch::requests(items, self.limits()).into_iter();
        let mut answer = self.publish_batch(&requests.next().unwrap_or_default(), time).await;
        for items in requests {
            if answer.0.outcome() != AttemptOutcome::Delivered {
                break;
            }
            answer = self.publish_batch(&items, time).await;
        }
        answer
    }

    async fn publish_batch(&self, items: &[&String], time: i64) -> (AttemptResult, String) {
        let body = batch::body(items);
        let url = signed_url(&self.server, "POST", "/batch_events", &body, time);
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let (result, answer) = self.http.send(Method::POST, &url, &headers, body).await;
        (result, quote(&answer))
    }

    /// Publishes an event that pages do not listen to, on each public channel.
    pub async fn publish_test(&self, time: i64) -> (AttemptResult, String) {
        let public = self.channels.public().iter();
        let items: Vec<String> = public.map(|name| event::item(TEST_EVENT, name, "{\"test\":true}")).collect();
        self.publish(items.iter(), time).await
    }

    /// Asks for the channels of the application, which needs the right id, key and secret; publishes nothing.
    pub async fn check(&self, time: i64) -> (AttemptResult, String) {
        let url = signed_url(&self.server, "GET", "/channels", &[], time);
        let (result, answer) = self.http.send(Method::GET, &url, &[], Vec::new()).await;
        (result, quote(&answer))
    }
}

/// The beginning of an answer, on one line.
fn quote(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let printable = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    printable.take(MAX_QUOTE).collect::<String>().trim().to_owned()
}
