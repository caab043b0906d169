//! `[auth]`: service tokens and user tokens.

use secrecy::SecretString;
use serde::Deserialize;

use super::layers::{Layers, Result};

/// `[auth]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthConfig {
    /// The service tokens, each of them valid; empty until the first start has generated one.
    pub tokens: Vec<SecretString>,
    /// The HS256 secrets of user tokens; the first one signs. If empty, the service tokens are used.
    pub user_token_secrets: Vec<SecretString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuth {
    tokens: Option<Vec<String>>,
    user_token_secrets: Option<Vec<String>>,
}

pub(super) fn resolve(raw: RawAuth, layers: &Layers) -> Result<AuthConfig> {
    Ok(AuthConfig {
        tokens: tokens("auth.tokens", raw.tokens.unwrap_or_default(), layers)?,
        user_token_secrets: tokens("auth.user_token_secrets", raw.user_token_secrets.unwrap_or_default(), layers)?,
    })
}

fn tokens(key: &str, texts: Vec<String>, layers: &Layers) -> Result<Vec<SecretString>> {
    match texts.iter().all(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())) {
        true => Ok(texts.into_iter().map(SecretString::from).collect()),
        false => Err(layers.error_at(key, "must have only visible ASCII characters and no spaces in each entry")),
    }
}
