//! The running sidecar, for commands that call it.

use clap::Args;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::client::{ClientError, SidecarConnection};
use crate::config::{Config, Listen, ServerConfig};

/// Where the sidecar is.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SidecarAddress {
    /// The address of the sidecar: http(s)://host:port or unix:/path; by default the first one in the configuration
    #[arg(long, global = true, value_name = "URL", env = "PRESENCE_SIDECAR_URL")]
    url: Option<String>,
}

impl SidecarAddress {
    /// Connects to the address, or else to the first one of `config`.
    pub(super) fn connect(&self, config: &Config) -> Result<SidecarConnection, String> {
        match &self.url {
            Some(url) => SidecarConnection::to(url).map_err(|failure| failure.to_string()),
            None => connection(&config.server),
        }
    }
}

/// A client for the sidecar that runs with this configuration.
pub(super) struct Sidecar<'a> {
    connection: SidecarConnection,
    token: Option<&'a str>,
}

impl<'a> Sidecar<'a> {
    /// Calls `address` with the service token of `config`.
    pub(super) fn of(config: &'a Config, address: &SidecarAddress) -> Result<Self, String> {
        let token = config.auth.tokens.first().ok_or("auth.tokens is empty: set PRESENCE_TOKEN")?.expose_secret();
        Ok(Self { connection: address.connect(config)?, token: Some(token) })
    }

    /// Calls the first address of `config`, without a token.
    pub(super) fn without_token(config: &Config) -> Result<Self, String> {
        Ok(Self { connection: connection(&config.server)?, token: None })
    }

    /// The address of the sidecar.
    pub(super) fn address(&self) -> &str {
        self.connection.address()
    }

    /// Sends GET `path`; returns JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.call(Method::GET, path).await
    }

    /// Calls `path`; returns JSON, or the message of the error response.
    pub(super) async fn call(&self, method: Method, path: &str) -> Result<Value, String> {
        let request = self.connection.request(method, path);
        let request = match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.connection.expect(request).await.map_err(|failure| match failure {
            ClientError::Refused { message, .. } => message,
            ClientError::Unreachable { address, cause } => format!("the sidecar at {address} does not answer: {cause}"),
            other => other.to_string(),
        })
    }
}

/// A connection to the first of the addresses that a sidecar listens on.
fn connection(server: &ServerConfig) -> Result<SidecarConnection, String> {
    let connection = match server.listen.first() {
        Some(Listen::Unix(path)) => SidecarConnection::to_socket(path),
        Some(Listen::Tcp(address)) if server.tls.is_some() => SidecarConnection::to_local_tls(&reachable(address)),
        Some(Listen::Tcp(address)) => SidecarConnection::to_local(&reachable(address)),
        None => return Err("server.listen is empty".to_owned()),
    };
    connection.map_err(|failure| failure.to_string())
}

/// The local address of a sidecar that listens on all addresses.
fn reachable(address: &str) -> String {
    let wildcards = [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")];
    let local = wildcards.iter().find_map(|(all, one)| Some(format!("{one}{}", address.strip_prefix(all)?)));
    local.unwrap_or_else(|| address.to_owned())
}
