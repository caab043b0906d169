//! The running sidecar, for commands that call it.

use std::convert::Infallible;

use clap::Args;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::client::{ClientError, SidecarConnection};
use crate::config::{Config, Listen, ServerConfig, TlsFiles, secrets};

/// Where the sidecar is.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct SidecarAddress {
    /// The address of the sidecar: http(s)://host:port or unix:/path; by default the first one in the configuration
    #[arg(long, global = true, value_name = "URL", env = "PRESENCE_SIDECAR_URL")]
    url: Option<String>,
}

/// Where the sidecar is, and the service token.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ServiceCaller {
    #[command(flatten)]
    address: SidecarAddress,
    /// A service token of the sidecar, by default the first one in the configuration (PRESENCE_TOKEN). The environment is
    /// safer: other users of this machine can read command lines
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "PRESENCE_SIDECAR_TOKEN",
        hide_env_values = true,
        value_parser = secret
    )]
    token: Option<SecretString>,
}

/// A secret on the command line.
pub(super) fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

impl SidecarAddress {
    /// Connects to the address, or else to the first one of `config`.
    pub(super) fn connect(&self, config: &Config) -> Result<SidecarConnection, String> {
        match &self.url {
            Some(url) => SidecarConnection::to(url).map_err(|failure| failure.to_string()),
            None => {
                connection(&config.server, |address, tls| SidecarConnection::to_local_tls(address, &tls.certificate))
            }
        }
    }

    /// The same, for requests without a secret.
    fn connect_without_secrets(&self, config: &Config) -> Result<SidecarConnection, String> {
        match &self.url {
            Some(_) => self.connect(config),
            None => connection(&config.server, |address, _| SidecarConnection::to_any_local_tls(address)),
        }
    }
}

impl ServiceCaller {
    /// A connection to the sidecar, and the service token: those of the command line, or else those of `config`.
    pub(super) fn connect(&self, config: &Config) -> Result<(SidecarConnection, SecretString), String> {
        let token = self.token.clone().or_else(|| config.auth.tokens.first().cloned());
        let token = token.ok_or_else(|| match missing_secrets(config) {
            Some(missing) => format!("auth.tokens is empty, and {missing}; or set PRESENCE_TOKEN or --token"),
            None => "auth.tokens is empty: set PRESENCE_TOKEN, or --token".to_owned(),
        })?;
        Ok((self.address.connect(config)?, token))
    }
}

/// Where the generated secrets are looked up and do not exist, as in another folder than the sidecar's: the path, and what to do.
pub(super) fn missing_secrets(config: &Config) -> Option<String> {
    let file = secrets::path(&config.storage);
    let file = std::path::absolute(&file).unwrap_or(file);
    (!file.exists()).then(|| {
        let file = file.display();
        format!("{file} does not exist: run the command in the sidecar's folder, or set PRESENCE_STORAGE or --config")
    })
}

/// A client for the sidecar that runs with this configuration.
pub(super) struct Sidecar {
    connection: SidecarConnection,
    token: Option<SecretString>,
}

impl Sidecar {
    /// Calls the address with the service token of `caller`, or else with those of `config`.
    pub(super) fn of(config: &Config, caller: &ServiceCaller) -> Result<Self, String> {
        let (connection, token) = caller.connect(config)?;
        Ok(Self { connection, token: Some(token) })
    }

    /// Calls an address without a token.
    pub(super) fn without_token(config: &Config, address: &SidecarAddress) -> Result<Self, String> {
        Ok(Self { connection: address.connect_without_secrets(config)?, token: None })
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
        self.connection.expect(self.request(method, path)).await.map_err(|failure| self.explain(&failure))
    }

    /// The connection.
    pub(super) fn connection(&self) -> &SidecarConnection {
        &self.connection
    }

    /// Starts a request with the token.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.connection.request(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token.expose_secret()),
            None => request,
        }
    }

    /// The message of an error, with what to do.
    pub(super) fn explain(&self, failure: &ClientError) -> String {
        match failure {
            ClientError::Refused { status: 401, message, .. } => format!(
                "{} does not accept the token ({message}): set PRESENCE_TOKEN or --token to one of its service tokens",
                self.address()
            ),
            ClientError::Refused { message, .. } => message.clone(),
            ClientError::Unreachable { address, cause } => {
                format!("the sidecar at {address} does not answer: {cause}; is it running? --url names another one")
            }
            other => other.to_string(),
        }
    }
}

/// A connection to the first of the addresses that a sidecar listens on, with `to_tls` if it speaks https.
fn connection(
    server: &ServerConfig,
    to_tls: impl Fn(&str, &TlsFiles) -> Result<SidecarConnection, ClientError>,
) -> Result<SidecarConnection, String> {
    let connection = match (server.listen.first(), &server.tls) {
        (Some(Listen::Unix(path)), _) => SidecarConnection::to_socket(path),
        (Some(Listen::Tcp(address)), Some(tls)) => to_tls(&reachable(address), tls),
        (Some(Listen::Tcp(address)), None) => SidecarConnection::to_local(&reachable(address)),
        (None, _) => return Err("server.listen is empty".to_owned()),
    };
    connection.map_err(|failure| failure.to_string())
}

/// The local address of a sidecar that listens on all addresses.
fn reachable(address: &str) -> String {
    let wildcards = [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")];
    let local = wildcards.iter().find_map(|(all, one)| Some(format!("{one}{}", address.strip_prefix(all)?)));
    local.unwrap_or_else(|| address.to_owned())
}
