//! Requests to a sidecar, and their errors.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::pinned;
use crate::messaging::seal::OpenError;

/// The timeout of a request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);

/// Maximum number of characters of an error message that are shown.
const MAX_MESSAGE: usize = 200;

/// A connection to a sidecar.
#[derive(Clone, Debug)]
pub struct SidecarConnection {
    http: reqwest::Client,
    base: String,
    address: String,
}

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is malformed.
    #[error("{0} is neither an http(s) URL nor unix:/path/to.sock")]
    InvalidAddress(String),
    /// The sidecar does not answer.
    #[error("{address} does not answer: {cause}")]
    Unreachable {
        /// The address of the sidecar.
        address: String,
        /// The innermost cause.
        cause: String,
    },
    /// The rate limit of the caller is used up.
    #[error("too many requests: try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// The time to wait before the next request.
        retry_after: Duration,
    },
    /// The sidecar refuses the request.
    #[error("{message} (HTTP {status})")]
    Refused {
        /// The status code.
        status: u16,
        /// The message of the response.
        message: String,
        /// The time to wait before the next request, if the response names it.
        retry_after: Option<Duration>,
    },
    /// The response is not one of a sidecar.
    #[error("unexpected response from {address}; is it a presence-sidecar? {what}")]
    UnexpectedResponse {
        /// The address of the sidecar.
        address: String,
        /// The difference from a response of a sidecar.
        what: String,
    },
    /// The file with the certificate of the sidecar cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// The personal token of the credentials is malformed.
    #[error("the personal token is not a key in base64")]
    InvalidKey,
    /// A message cannot be opened.
    #[error(transparent)]
    Sealed(#[from] OpenError),
}

impl SidecarConnection {
    /// Connects to `http://host:port`, `https://host` or `unix:/path`. Uses the proxies of the environment.
    ///
    /// # Errors
    /// [`ClientError::InvalidAddress`] if the address is none of these.
    pub fn to(address: &str) -> Result<Self, ClientError> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::to_socket(Path::new(path));
        }
        let invalid = || ClientError::InvalidAddress(address.to_owned());
        let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = url.ok_or_else(invalid)?.as_str().trim_end_matches('/').to_owned();
        // Without TLS, no certificates are needed: a slim image may have none.
        let builder = if base.starts_with("http://") { without_certificates() } else { reqwest::Client::builder() };
        Self::build(builder, base.clone(), base)
    }

    /// Connects to a sidecar on this machine, without a proxy.
    ///
    /// # Errors
    /// TLS cannot be initialised.
    pub fn to_local(address: &str) -> Result<Self, ClientError> {
        let base = format!("http://{address}");
        Self::build(without_certificates().no_proxy(), base.clone(), base)
    }

    /// Connects to a sidecar on this machine that speaks https, without a proxy. Its certificate must be the first one of this
    /// PEM file; it is for the name that callers use, so it is not compared with the address.
    ///
    /// # Errors
    /// [`ClientError::Certificate`] if the file has no certificate.
    pub fn to_local_tls(address: &str, certificate: &Path) -> Result<Self, ClientError> {
        let base = format!("https://{address}");
        let tls = pinned::trusting(certificate).map_err(ClientError::Certificate)?;
        Self::build(reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls), base.clone(), base)
    }

    /// Connects likewise, for requests without a secret: the certificate is not looked at, since its file may be newer than the
    /// last reload of the sidecar.
    ///
    /// # Errors
    /// As [`to_local`](Self::to_local).
    pub fn to_any_local_tls(address: &str) -> Result<Self, ClientError> {
        let base = format!("https://{address}");
        let builder = without_certificates().no_proxy().tls_danger_accept_invalid_certs(true);
        Self::build(builder, base.clone(), base)
    }

    /// Connects to a unix socket.
    ///
    /// # Errors
    /// As [`to_local`](Self::to_local).
    pub fn to_socket(path: &Path) -> Result<Self, ClientError> {
        let builder = without_certificates().no_proxy().unix_socket(path.to_owned());
        Self::build(builder, "http://sidecar".to_owned(), format!("unix:{}", path.display()))
    }

    fn build(builder: ClientBuilder, base: String, address: String) -> Result<Self, ClientError> {
        // No redirects: the response must not send credentials to another host.
        let http = builder.timeout(TIMEOUT).redirect(Policy::none()).build();
        let http = http
            .map_err(|error| ClientError::Unreachable { address: address.clone(), cause: innermost_cause(&error) })?;
        Ok(Self { http, base, address })
    }

    /// The address, as [`to`](Self::to) takes it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts a request.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and returns its JSON; `None` for status 204.
    ///
    /// # Errors
    /// Any but [`ClientError::InvalidAddress`], [`ClientError::InvalidKey`] and [`ClientError::Sealed`].
    pub async fn fetch<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Option<T>, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => {
                let text = response.text().await.map_err(|error| self.unreachable(&error))?;
                serde_json::from_str(&text).map(Some).map_err(|error| self.unexpected(error.to_string()))
            }
            _ => Err(self.refusal(response).await),
        }
    }

    /// The error of a response that is no success.
    pub(super) async fn refusal(&self, response: Response) -> ClientError {
        let (status, retry_after) = (response.status(), parse_retry_after(&response));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return ClientError::RateLimited { retry_after: retry_after.unwrap_or_default() };
        }
        match response.text().await.map(|text| parse_message(&text)) {
            Ok(Some(message)) => ClientError::Refused { status: status.as_u16(), message, retry_after },
            Ok(None) => self.unexpected(status.to_string()),
            Err(error) => self.unreachable(&error),
        }
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { address: self.address.clone(), cause: innermost_cause(error) }
    }

    fn unexpected(&self, what: String) -> ClientError {
        ClientError::UnexpectedResponse { address: self.address.clone(), what }
    }

    /// Sends a request and returns its JSON, which the response must have.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn expect<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        self.fetch(request).await?.ok_or_else(|| self.unexpected("the response is empty".to_owned()))
    }
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::RateLimited { .. } | Self::UnexpectedResponse { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::InvalidAddress(_) | Self::Certificate(_) | Self::InvalidKey | Self::Sealed(_) => false,
        }
    }

    /// The time to wait before the next request, if the sidecar named it.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Refused { retry_after, .. } => *retry_after,
            Self::InvalidAddress(_)
            | Self::Unreachable { .. }
            | Self::UnexpectedResponse { .. }
            | Self::Certificate(_)
            | Self::InvalidKey
            | Self::Sealed(_) => None,
        }
    }

    /// Whether the credentials are invalid.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }
}

/// A builder that does not look for the certificates of the system.
fn without_certificates() -> ClientBuilder {
    reqwest::Client::builder().tls_certs_only([])
}

/// Returns the `message` of a Laravel error without control characters; `None` if the text is not JSON.
fn parse_message(text: &str) -> Option<String> {
    let body: Value = serde_json::from_str(text).ok()?;
    let message = body["message"].as_str().unwrap_or("the request was refused");
    Some(message.chars().filter(|letter| !letter.is_control()).take(MAX_MESSAGE).collect())
}

/// Parses `Retry-After` (RFC 9110, section 10.2.3) in seconds; sidecars send no dates.
fn parse_retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Returns the innermost cause. The outer ones contain the URL, and any secret in it.
fn innermost_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.is_timeout() {
        true => "no answer in time".to_owned(),
        false => cause.to_string(),
    }
}
