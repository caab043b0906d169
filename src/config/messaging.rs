//! `[messaging]`, `[registration]` and `[messages]`: encrypted messages for clients that poll.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::layers::{Layers, Result, is_identifier};
use super::routing::{RateLimit, rate_limit};

/// `[messaging]`, `[registration]` and `[messages]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MessagingConfig {
    /// Whether the messaging API is served.
    pub enabled: bool,
    /// Whether the configuration asks for messaging, with `enabled = true` or a token. Otherwise the start creates no
    /// messaging tables in the database of an app.
    pub is_configured: bool,
    /// The token to publish messages; if `None`, publishing is rejected.
    pub admin_token: Option<SecretString>,
    /// The tokens of operators; if empty, their calls are rejected.
    pub operator_tokens: Vec<SecretString>,
    /// The token that registration requires; if `None`, registration is open.
    pub registration_token: Option<SecretString>,
    /// How a published message reaches its recipients.
    pub queue: FanoutQueue,
    /// Maximum number of recipients of a message that a client sends.
    pub max_recipients: usize,
    /// Whether a registration replaces the key of a known client if it does not decrypt.
    pub replace_lost_keys: bool,
    /// Maximum number of bytes that a message of a client takes in the database, over all recipients.
    pub max_stored_bytes: usize,
    /// The cost of the bcrypt hash of a new API token.
    pub bcrypt_cost: u32,
    /// The rate limits of clients.
    pub limits: MessagingLimits,
    /// The tables shared with Laravel.
    pub tables: MessagingTables,
    /// How long acknowledged messages are kept; `None` means forever.
    pub keep_acked: Option<Duration>,
    /// How long all messages are kept; `None` means forever.
    pub keep: Option<Duration>,
}

/// How a published message reaches its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutQueue {
    /// Stored for all recipients before the response.
    Sync,
    /// Queued in the database of the messages.
    Database,
    /// Queued in Redis.
    Redis,
}

/// `[messaging.limits]`; `None` means no limit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MessagingLimits {
    /// Polls of one client.
    pub poll: Option<RateLimit>,
    /// Other calls of one client.
    pub api: Option<RateLimit>,
    /// Registrations from one address.
    pub register: Option<RateLimit>,
    /// Bytes that messages of clients at one address take in the database.
    pub stored_bytes: Option<RateLimit>,
}

/// `[messaging.tables]`: names of ASCII letters, digits and underscores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MessagingTables {
    /// The clients.
    pub clients: String,
    /// The messages.
    pub messages: String,
    /// How far each client has acknowledged.
    pub message_receipts: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessaging {
    enabled: Option<bool>,
    admin_token: Option<String>,
    operator_tokens: Vec<String>,
    queue: String,
    max_recipients: i64,
    max_stored_bytes: i64,
    bcrypt_cost: i64,
    limits: RawLimits,
    tables: RawTables,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    poll: String,
    api: String,
    register: String,
    stored_bytes: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTables {
    clients: String,
    messages: String,
    message_receipts: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistration {
    token: Option<String>,
    replace_lost_keys: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessages {
    keep_acked_days: i64,
    keep_days: i64,
}

pub(super) fn resolve(
    messaging: RawMessaging,
    registration: RawRegistration,
    messages: &RawMessages,
    layers: &Layers,
) -> Result<MessagingConfig> {
    let max_stored_bytes = max_stored_bytes(&messaging, layers)?;
    let has_token = messaging.admin_token.is_some() || registration.token.is_some();
    Ok(MessagingConfig {
        enabled: messaging.enabled.unwrap_or(true),
        is_configured: messaging.enabled == Some(true) || has_token || !messaging.operator_tokens.is_empty(),
        admin_token: messaging.admin_token.map(SecretString::from),
        operator_tokens: operators(messaging.operator_tokens),
        registration_token: registration.token.map(SecretString::from),
        replace_lost_keys: registration.replace_lost_keys,
        queue: queue(&messaging.queue, layers)?,
        max_recipients: layers.number("messaging.max_recipients", messaging.max_recipients, 1..=100_000)?,
        max_stored_bytes,
        bcrypt_cost: layers.number("messaging.bcrypt_cost", messaging.bcrypt_cost, 4..=15)?,
        limits: limits(&messaging.limits, layers)?,
        tables: tables(messaging.tables, layers)?,
        keep_acked: days("messages.keep_acked_days", messages.keep_acked_days, layers)?,
        keep: days("messages.keep_days", messages.keep_days, layers)?,
    })
}

fn queue(name: &str, layers: &Layers) -> Result<FanoutQueue> {
    match name {
        "sync" => Ok(FanoutQueue::Sync),
        "database" => Ok(FanoutQueue::Database),
        "redis" => Ok(FanoutQueue::Redis),
        // The app may use a queue of any kind for its own jobs; that does not decide the queue of messages.
        _ if is_app_queue(layers) => Ok(FanoutQueue::Database),
        _ => Err(layers.not_one_of("messaging.queue", &["sync", "database", "redis"])),
    }
}

/// Whether the value comes from the app's `QUEUE_CONNECTION`, which is not meant for the sidecar.
fn is_app_queue(layers: &Layers) -> bool {
    layers.value("messaging.queue").is_some_and(|value| layers.origin(&value).ends_with(" QUEUE_CONNECTION"))
}

/// The warning about an app queue that the sidecar does not support.
pub(super) fn queue_warning(layers: &Layers) -> Option<String> {
    let name = layers.value("messaging.queue")?.into_string()?;
    let other = is_app_queue(layers) && !["sync", "database", "redis"].contains(&name.as_str());
    let described = layers.describe("messaging.queue");
    other.then(|| format!("{described} is not a queue of the sidecar: messages are fanned out through the database"))
}

/// Trims the tokens and drops empty ones, as the reference server does.
fn operators(tokens: Vec<String>) -> Vec<SecretString> {
    let trimmed = tokens.into_iter().map(|token| token.trim().to_owned());
    trimmed.filter(|token| !token.is_empty()).map(SecretString::from).collect()
}

const STORED_BYTES: &str = "messaging.limits.stored_bytes";

/// The limit of one message, which must not exceed that of all messages in a window.
fn max_stored_bytes(raw: &RawMessaging, layers: &Layers) -> Result<usize> {
    const KEY: &str = "messaging.max_stored_bytes";
    let max = layers.number(KEY, raw.max_stored_bytes, 4096..=1 << 30)?;
    match rate_limit(STORED_BYTES, &raw.limits.stored_bytes, layers)? {
        Some(limit) if usize::try_from(limit.max).is_ok_and(|window| window < max) => {
            let window = layers.describe(STORED_BYTES);
            Err(layers.error_at(KEY, format!("must not exceed the bytes of {window}")))
        }
        _ => Ok(max),
    }
}

fn limits(raw: &RawLimits, layers: &Layers) -> Result<MessagingLimits> {
    Ok(MessagingLimits {
        poll: rate_limit("messaging.limits.poll", &raw.poll, layers)?,
        api: rate_limit("messaging.limits.api", &raw.api, layers)?,
        register: rate_limit("messaging.limits.register", &raw.register, layers)?,
        stored_bytes: rate_limit(STORED_BYTES, &raw.stored_bytes, layers)?,
    })
}

fn tables(raw: RawTables, layers: &Layers) -> Result<MessagingTables> {
    let named = |key: &str, name: String| match !name.is_empty() && is_identifier(&name) {
        true => Ok(name),
        false => Err(layers.error_at(&format!("messaging.tables.{key}"), "may contain only letters, digits and _")),
    };
    Ok(MessagingTables {
        clients: named("clients", raw.clients)?,
        messages: named("messages", raw.messages)?,
        message_receipts: named("message_receipts", raw.message_receipts)?,
    })
}

fn days(key: &str, days: i64, layers: &Layers) -> Result<Option<Duration>> {
    let days: u64 = layers.number(key, days, 0..=36_500)?;
    Ok((days > 0).then(|| Duration::from_secs(days * 86_400)))
}
