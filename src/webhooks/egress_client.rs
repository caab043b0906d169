//! An HTTP client that connects only to addresses that the egress policy allows.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Method, Response};
use url::Url;

use super::domain::retry;
use super::domain::retry::AttemptResult;
use crate::egress::{EgressPolicy, ForbiddenAddress};

/// Maximum number of bytes read from a response's body, so that the connection can be reused.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Lifetime of idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The certificates that a client trusts.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// None, without TLS: a slim image may have no certificates, and needs none.
    Nothing,
    /// Those of the system.
    System,
    /// These, in PEM format.
    Pem(&'a [u8]),
}

impl<'a> Trust<'a> {
    /// What a client of `url` trusts: `ca`, or else the certificates of the system.
    pub fn of(url: &Url, ca: Option<&'a [u8]>) -> Self {
        match (ca, url.scheme()) {
            (Some(certificates), _) => Self::Pem(certificates),
            (None, "http") => Self::Nothing,
            (None, _) => Self::System,
        }
    }

    fn builder(self) -> reqwest::Result<ClientBuilder> {
        Ok(match self {
            Self::Nothing => Client::builder().tls_certs_only([]),
            Self::System => Client::builder(),
            Self::Pem(certificates) => Client::builder().tls_certs_only(Certificate::from_pem_bundle(certificates)?),
        })
    }
}

/// An HTTP client, restricted by an egress policy. It follows no redirects and uses no proxy.
#[derive(Clone)]
pub struct EgressClient {
    client: Client,
    policy: EgressPolicy,
    timeout: Duration,
}

impl EgressClient {
    /// A client whose requests take at most `timeout`, from connecting to the end of the response.
    ///
    /// # Errors
    /// TLS cannot be initialized: the certificates cannot be read, or the system has none.
    pub fn new(policy: EgressPolicy, timeout: Duration, trust: Trust<'_>) -> reqwest::Result<Self> {
        let client = trust
            .builder()?
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(PolicyResolver(policy.clone()))
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("presence-sidecar/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, policy, timeout })
    }

    /// Sends a request with a body of known length; returns the result, and the beginning of the response's body.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> (AttemptResult, Vec<u8>) {
        if let Err(forbidden) = self.policy.check_literal(url) {
            return (AttemptResult::Refused(forbidden.to_string()), Vec::new());
        }
        let mut request = self.client.request(method, url.clone());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.body(body).send().await {
            Ok(response) => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = retry_after.and_then(|text| retry::parse_retry_after(text, wall_clock()));
                let status = response.status().as_u16();
                (AttemptResult::Status { status, retry_after }, read_prefix(response).await)
            }
            Err(error) => (failure(&error, self.timeout), Vec::new()),
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
