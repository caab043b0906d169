//! Sends one request to an endpoint.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::domain::payload::SignedRequest;
use super::domain::retry;
use super::domain::retry::AttemptResult;
use crate::config::EndpointConfig;
use crate::egress::{EgressPolicy, ForbiddenAddress};

/// Maximum number of bytes read from a response's body, so that the connection can be reused.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Lifetime of idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client for one endpoint.
#[derive(Clone)]
pub struct WebhookClient {
    client: Client,
    endpoint: EndpointConfig,
    policy: EgressPolicy,
}

impl WebhookClient {
    /// A client for `endpoint`, restricted by `policy`. It follows no redirects and uses no proxy.
    ///
    /// # Errors
    /// TLS cannot be initialized.
    pub fn new(endpoint: EndpointConfig, policy: EgressPolicy) -> reqwest::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(PolicyResolver(policy.clone()))
            .timeout(endpoint.timeout)
            .connect_timeout(endpoint.timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("presence-sidecar/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, endpoint, policy })
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &EndpointConfig {
        &self.endpoint
    }

    /// Sends a request. It takes at most the endpoint's timeout.
    pub async fn send(&self, request: &SignedRequest) -> AttemptResult {
        self.exchange(request).await.0
    }

    /// Sends a request, and returns the beginning of the response's body, too.
    pub async fn exchange(&self, signed: &SignedRequest) -> (AttemptResult, Vec<u8>) {
        if let Err(forbidden) = self.policy.check_literal(&self.endpoint.url) {
            return (AttemptResult::Refused(forbidden.to_string()), Vec::new());
        }
        let mut request = self.client.post(self.endpoint.url.clone());
        for (name, value) in &signed.headers {
            request = request.header(name, value);
        }
        match request.body(signed.body.clone()).send().await {
            Ok(response) => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.and_then(|text| retry::parse_retry_after(text, wall_clock()));
                let status = response.status().as_u16();
                (AttemptResult::Status { status, retry_after }, read_prefix(response).await)
            }
            Err(error) => (failure(&error, self.endpoint.timeout), Vec::new()),
        }
    }
}

/// The time that a receiver's dates are compared with.
#[expect(clippy::disallowed_methods, reason = "a date in HTTP is wall-clock time, not the store's")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Reads a body up to the limit. Errors are ignored: the status decides the result.
async fn read_prefix(mut response: Response) -> Vec<u8> {
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

/// The result for an error, described without the URL: its query may contain a token.
fn failure(error: &reqwest::Error, timeout: Duration) -> AttemptResult {
    let mut causes = std::iter::successors(error.source(), |cause| (*cause).source());
    if let Some(forbidden) = causes.clone().find_map(|cause| cause.downcast_ref::<ForbiddenAddress>()) {
        return AttemptResult::Refused(forbidden.to_string());
    }
    if error.is_timeout() {
        return AttemptResult::Failed(format!("no response within {} s", timeout.as_secs_f64()));
    }
    let root = causes.by_ref().last().map_or_else(|| "request failed".to_owned(), ToString::to_string);
    AttemptResult::Failed(if error.is_connect() { format!("no connection: {root}") } else { root })
}

/// Resolves names to the addresses that the policy allows; the connection goes to exactly these.
struct PolicyResolver(EgressPolicy);

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let resolved: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_allowed = |address: &&SocketAddr| policy.allows(address.ip());
            let allowed: Vec<SocketAddr> = resolved.iter().filter(is_allowed).copied().collect();
            match resolved.first() {
                Some(address) if allowed.is_empty() => Err(ForbiddenAddress(address.ip()).into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}
