//! Sends one request to an endpoint.

use reqwest::Method;

use super::domain::payload::SignedRequest;
use super::domain::retry::AttemptResult;
use super::egress_client::{EgressClient, Trust};
use crate::config::EndpointConfig;
use crate::egress::EgressPolicy;

/// An HTTP client for one endpoint.
#[derive(Clone)]
pub struct WebhookClient {
    client: EgressClient,
    endpoint: EndpointConfig,
}

impl WebhookClient {
    /// A client for `endpoint`, restricted by `policy`.
    ///
    /// # Errors
    /// TLS cannot be initialized: `webhook.ca` has no certificates or, without it, this host has none for an https URL.
    pub fn new(endpoint: EndpointConfig, policy: EgressPolicy) -> reqwest::Result<Self> {
        let trust = Trust::of(&endpoint.url, endpoint.ca.as_deref());
        let client = EgressClient::new(policy, endpoint.timeout, trust)?;
        Ok(Self { client, endpoint })
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
        self.client.send(Method::POST, &self.endpoint.url, &signed.headers, signed.body.clone()).await
    }
}
