//! Replaces generated secrets, so that the new and the former value are accepted for a while.

use std::io;
use std::path::{Path, PathBuf};

use super::secrets;
use crate::laravel::dotenv;

/// A secret of `secrets.env` that can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotatingSecret {
    /// The service token. It is a list: callers may use any of it.
    Token,
    /// The secret of user tokens, likewise a list.
    UserTokenSecret,
    /// The key of stored data; former ones stay needed.
    AppKey,
    /// The secret of the default webhook; former ones sign as well.
    WebhookSecret,
}

impl RotatingSecret {
    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "PRESENCE_TOKEN",
            Self::UserTokenSecret => "PRESENCE_USER_TOKEN_SECRET",
            Self::AppKey => "APP_KEY",
            Self::WebhookSecret => "PRESENCE_WEBHOOK_SECRET",
        }
    }

    /// The keys in the configuration that a rotation changes: of the secret, and of the list of its former values.
    pub fn keys(self) -> impl Iterator<Item = &'static str> {
        let former = match self {
            Self::Token | Self::UserTokenSecret => None,
            Self::AppKey => Some("laravel.previous_keys"),
            Self::WebhookSecret => Some("webhook.previous_secrets"),
        };
        let key = match self {
            Self::Token => "auth.tokens",
            Self::UserTokenSecret => "auth.user_token_secrets",
            Self::AppKey => "laravel.app_key",
            Self::WebhookSecret => "webhook.secret",
        };
        std::iter::once(key).chain(former)
    }

    /// What to do if the secret is not set.
    fn remedy(self) -> &'static str {
        match self {
            Self::Token | Self::AppKey => "start the sidecar, which generates it",
            Self::UserTokenSecret => {
                "user tokens are signed with PRESENCE_TOKEN, so rotate `token`, or add PRESENCE_USER_TOKEN_SECRET to this \
                 file first"
            }
            Self::WebhookSecret => "add PRESENCE_WEBHOOK_SECRET to this file first",
        }
    }

    /// The name of the list of former values; `None` if they follow the new one.
    fn former(self) -> Option<&'static str> {
        match self {
            Self::Token | Self::UserTokenSecret => None,
            Self::AppKey => Some("APP_PREVIOUS_KEYS"),
            Self::WebhookSecret => Some("PRESENCE__WEBHOOK__PREVIOUS_SECRETS"),
        }
    }
}

/// Puts a new value in front of the former one in `secrets.env`; with `finish`, removes all former values instead. Returns the
/// path of the file.
///
/// # Errors
/// The file cannot be read or written, has no such secret, or the former values of the secret stay needed.
pub fn rotate(storage: &Path, secret: RotatingSecret, finish: bool) -> io::Result<PathBuf> {
    secrets::edit(storage, |text| {
        let text = text.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))?;
        rotated(&text, secret, finish).map(Some)
    })
}

/// The text of the file after a rotation.
fn rotated(text: &str, secret: RotatingSecret, finish: bool) -> io::Result<String> {
    let pairs = dotenv::parse(text, &|_| None).map_err(|error| io::Error::other(error.to_string()))?;
    let values = |name: &str| {
        let value = pairs.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        value.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
    let mut current = values(secret.name());
    if current.is_empty() {
        return Err(invalid(&format!("{} is not set: {}", secret.name(), secret.remedy())));
    }
    let mut former = secret.former().map(values).unwrap_or_default();
    if finish {
        if secret == RotatingSecret::AppKey {
            return Err(invalid(
                "APP_KEY needs no --finish: the former keys stay in APP_PREVIOUS_KEYS, as stored data may be encrypted \
                 with them",
            ));
        }
        current.truncate(1);
        former.clear();
    } else if secret.former().is_some() {
        former.splice(0..0, std::mem::replace(&mut current, vec![secrets::generate(secret.name())?]));
    } else {
        current.insert(0, secrets::generate(secret.name())?);
    }
    let text = replaced(text, secret.name(), &current);
    Ok(match secret.former() {
        Some(name) => replaced(&text, name, &former),
        None => text,
    })
}

/// The text with one line for `name`, where the first one was or else at the end; none if there is no value.
fn replaced(text: &str, name: &str, values: &[String]) -> String {
    let line = (!values.is_empty()).then(|| format!("{name}={}", values.join(",")));
    let (mut lines, mut line) = (Vec::new(), line);
    for old in text.lines() {
        match secrets::sets(old, name) {
            true => lines.extend(line.take()),
            false => lines.push(old.to_owned()),
        }
    }
    lines.extend(line);
    lines.join("\n") + "\n"
}
