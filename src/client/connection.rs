//! Calls to a sidecar, and how they fail.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::messaging::seal::OpenError;

/// A sidecar that does not answer within this is taken to be stuck.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Most characters of what a stranger answers that are shown.
const SHOWN: usize = 200;

/// Where a sidecar is reached.
#[derive(Clone, Debug)]
pub struct SidecarConnection {
    http: reqwest::Client,
    base: String,
    address: String,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("{0} is neither an http(s) URL nor unix:/path/to.sock")]
    Address(String),
    /// Nobody answers there.
    #[error("{address} does not answer: {cause}")]
    Unreachable {
        /// Where.
        address: String,
        /// The innermost cause.
        cause: String,
    },
    /// The caller's requests are used up.
    #[error("too many requests: try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// The sidecar says no, in its own words.
    #[error("{message} (HTTP {status})")]
    Refused {
        /// The status code.
        status: u16,
        /// What it says.
        message: String,
        /// When to come back, if it says so.
        retry_after: Option<Duration>,
    },
    /// What answered is no sidecar.
    #[error("{address} answers, but not as a sidecar does: {what}")]
    Strange {
        /// Where.
        address: String,
        /// What was wrong with it.
        what: String,
    },
    /// The key of the credentials is no key.
    #[error("the personal token is no key in base64")]
    Key,
    /// Something that cannot be opened.
    #[error(transparent)]
    Sealed(#[from] OpenError),
}

impl SidecarConnection {
    /// To `http://host:port`, `https://host` or `unix:/path`. Proxies of the environment are used.
    ///
    /// # Errors
    /// [`ClientError::Address`] if it is none of these.
    pub fn to(address: &str) -> Result<Self, ClientError> {
        if let Some(path) = address.strip_prefix("unix:") {
            return Self::to_socket(Path::new(path));
        }
        let refused = || ClientError::Address(address.to_owned());
        let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = url.ok_or_else(refused)?.as_str().trim_end_matches('/').to_owned();
        Self::build(reqwest::Client::builder(), base.clone(), base)
    }

    /// To a sidecar on this machine, past any proxy.
    ///
    /// # Errors
    /// There is no TLS for this process.
    pub fn to_local(address: &str) -> Result<Self, ClientError> {
        let base = format!("http://{address}");
        Self::build(reqwest::Client::builder().no_proxy(), base.clone(), base)
    }

    /// To a unix socket.
    ///
    /// # Errors
    /// As [`to_local`](Self::to_local).
    pub fn to_socket(path: &Path) -> Result<Self, ClientError> {
        let builder = reqwest::Client::builder().no_proxy().unix_socket(path.to_owned());
        Self::build(builder, "http://sidecar".to_owned(), format!("unix:{}", path.display()))
    }

    fn build(builder: ClientBuilder, base: String, address: String) -> Result<Self, ClientError> {
        // Whoever answers must not send credentials elsewhere.
        let http = builder.timeout(TIMEOUT).redirect(Policy::none()).build();
        let http =
            http.map_err(|error| ClientError::Unreachable { address: address.clone(), cause: innermost(&error) })?;
        Ok(Self { http, base, address })
    }

    /// Its address, as [`to`](Self::to) takes it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A request to be completed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// What comes back as JSON; `None` for 204.
    ///
    /// # Errors
    /// All but [`ClientError::Address`], [`ClientError::Key`] and [`ClientError::Sealed`].
    pub async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Option<T>, ClientError> {
        let unreachable = |error: &reqwest::Error| ClientError::Unreachable {
            address: self.address.clone(),
            cause: innermost(error),
        };
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let text = response.text().await.map_err(|error| unreachable(&error))?;
        let strange = |what: String| ClientError::Strange { address: self.address.clone(), what };
        match status {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => {
                serde_json::from_str(&text).map(Some).map_err(|error| strange(error.to_string()))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(ClientError::TooMany { retry_after: retry_after.unwrap_or_default() }),
            status => match message(&text) {
                Some(message) => Err(ClientError::Refused { status: status.as_u16(), message, retry_after }),
                None => Err(strange(status.to_string())),
            },
        }
    }

    /// What comes back as JSON, where there must be something.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub async fn expect<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let nothing = || ClientError::Strange { address: self.address.clone(), what: "an empty answer".to_owned() };
        self.answer(request).await?.ok_or_else(nothing)
    }
}

impl ClientError {
    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TooMany { .. } | Self::Strange { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Address(_) | Self::Key | Self::Sealed(_) => false,
        }
    }

    /// When to come back, if the sidecar said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after } => Some(*retry_after),
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Address(_) | Self::Unreachable { .. } | Self::Strange { .. } | Self::Key | Self::Sealed(_) => None,
        }
    }

    /// Whether the credentials are not, or no longer, good.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. })
    }
}

/// The `message` of Laravel's errors, with control characters taken out; `None` if it is no JSON.
fn message(text: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let message = answer["message"].as_str().unwrap_or("it refuses");
    Some(message.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect())
}

/// RFC 9110, section 10.2.3, in seconds: sidecars send no dates.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The cause that says what happened; the outer ones name the URL, and so whatever is in it.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match error.is_timeout() {
        true => "no answer in time".to_owned(),
        false => cause.to_string(),
    }
}
