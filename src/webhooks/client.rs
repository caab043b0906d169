//! Sends a message, and says what came back.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::domain::egress::EgressPolicy;
use super::domain::payload::SignedRequest;
use super::domain::retry;
use super::domain::retry::AttemptResult;
use crate::config::EndpointConfig;

/// So much of an answer's body is read, to keep the connection; the rest is cut off.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Idle connections are kept this long.
const IDLE: Duration = Duration::from_secs(30);

/// Posts to one endpoint.
#[derive(Clone)]
pub struct WebhookClient {
    client: Client,
    endpoint: EndpointConfig,
    guard: EgressPolicy,
}

impl WebhookClient {
    /// A sender to `endpoint`, as far as `guard` allows. It follows no redirect and knows no proxy.
    ///
    /// # Errors
    /// There is no TLS to be had.
    pub fn new(endpoint: EndpointConfig, guard: EgressPolicy) -> reqwest::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(guard.clone())
            .timeout(endpoint.timeout)
            .connect_timeout(endpoint.timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("presence-sidecar/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, endpoint, guard })
    }

    /// Sends; the whole exchange takes at most the endpoint's time-out.
    pub async fn send(&self, message: &SignedRequest) -> AttemptResult {
        self.exchange(message).await.0
    }

    /// Sends, and gives the beginning of the answer's body as well.
    pub async fn exchange(&self, message: &SignedRequest) -> (AttemptResult, Vec<u8>) {
        if let Err(forbidden) = self.guard.check_literal(&self.endpoint.url) {
            return (AttemptResult::Refused(forbidden.to_string()), Vec::new());
        }
        let mut request = self.client.post(self.endpoint.url.clone());
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        match request.body(message.body.clone()).send().await {
            Ok(response) => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.and_then(|text| retry::after(text, wall_clock()));
                let status = response.status().as_u16();
                (AttemptResult::Status { status, retry_after }, beginning(response).await)
            }
            Err(error) => (failure(&error, self.endpoint.timeout), Vec::new()),
        }
    }
}

/// What the receiver's dates are compared with.
#[expect(clippy::disallowed_methods, reason = "a date in HTTP is by everybody's clock, not by the store's")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Reads a body as far as the limit; what fails behind the status does not matter any more.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_RESPONSE_BYTES {
            break;
        }
    }
    body.truncate(MAX_RESPONSE_BYTES);
    body
}

/// In words for people, without the address: its query may hold a token.
fn failure(error: &reqwest::Error, timeout: Duration) -> AttemptResult {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if let Some(forbidden) =
        causes.clone().find_map(|cause| cause.downcast_ref::<super::domain::egress::ForbiddenAddress>())
    {
        return AttemptResult::Refused(forbidden.to_string());
    }
    if error.is_timeout() {
        return AttemptResult::Failed(format!("no answer within {} s", timeout.as_secs_f64()));
    }
    let root = causes.by_ref().last().map_or_else(|| "the exchange failed".to_owned(), ToString::to_string);
    AttemptResult::Failed(if error.is_connect() { format!("no connection: {root}") } else { root })
}
