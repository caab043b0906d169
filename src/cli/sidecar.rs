//! The running sidecar, for commands that ask it.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::config::{Config, Listen};

/// A sidecar that does not answer within this is taken to be stuck.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The sidecar that runs with a configuration.
pub(super) struct Sidecar<'a> {
    client: reqwest::Client,
    base: String,
    token: Option<&'a str>,
}

impl<'a> Sidecar<'a> {
    /// Where `config` has it listen first, called with the service token.
    pub(super) fn of(config: &'a Config) -> Result<Self, String> {
        let token = config.auth.tokens.first().ok_or("auth.tokens is empty: set PRESENCE_TOKEN")?.expose_secret();
        Ok(Self { token: Some(token), ..Self::as_anybody(config)? })
    }

    /// The same, called without a token.
    pub(super) fn as_anybody(config: &Config) -> Result<Self, String> {
        let builder = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
        let (builder, base) = match config.server.listen.first() {
            Some(Listen::Unix(path)) => (builder.unix_socket(path.clone()), "http://sidecar".to_owned()),
            Some(Listen::Tcp(address)) => (builder, format!("http://{}", reachable(address))),
            None => return Err("server.listen is empty".to_owned()),
        };
        Ok(Self { client: builder.build().map_err(|error| error.to_string())?, base, token: None })
    }

    /// Its address.
    pub(super) fn address(&self) -> &str {
        &self.base
    }

    /// GET `path`; JSON.
    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.call(Method::GET, path).await
    }

    /// Calls `path`; JSON, or what the sidecar says against it.
    pub(super) async fn call(&self, method: Method, path: &str) -> Result<Value, String> {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let unreachable = |error| format!("the sidecar at {} does not answer: {error}", self.base);
        let response = request.send().await.map_err(|error| unreachable(error.without_url()))?;
        let ok = response.status().is_success();
        let answer: Value = response.json().await.map_err(|error| unreachable(error.without_url()))?;
        if ok { Ok(answer) } else { Err(answer["message"].as_str().unwrap_or("it refuses").to_owned()) }
    }
}

/// Where a sidecar that listens on every address is reached from this host.
fn reachable(address: &str) -> String {
    let everywhere = [("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")];
    let local = everywhere.iter().find_map(|(all, one)| Some(format!("{one}{}", address.strip_prefix(all)?)));
    local.unwrap_or_else(|| address.to_owned())
}
