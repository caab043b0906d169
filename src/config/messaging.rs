//! `[messaging]`, `[registration]` and `[messages]`: sealed messages for clients that poll.

use std::time::Duration;

use secrecy::SecretString;

use super::database::is_plain;
use super::error::ConfigError;
use super::layers::Layers;
use super::raw::{RawLimits, RawMessages, RawMessaging, RawRegistration, RawTables};
use super::throttle::RateLimit;

type Outcome<T> = Result<T, ConfigError>;

/// Every key about messages, resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MessagingConfig {
    /// Whether the messaging API is served.
    pub enabled: bool,
    /// Whether the configuration says a word about messages, be it a token: the start makes no tables for them in an app's
    /// database that nobody has asked for.
    pub is_configured: bool,
    /// The token of those who may publish; without one nobody may.
    pub admin_token: Option<SecretString>,
    /// The tokens of operators; without any there are none.
    pub operator_tokens: Vec<SecretString>,
    /// What a client must show to register; without one anybody may.
    pub registration_token: Option<SecretString>,
    /// How a message reaches the many it is published to.
    pub queue: FanoutQueue,
    /// Most clients that a client may have one message relayed to.
    pub max_recipients: usize,
    /// The cost of the bcrypt hash of a new API token.
    pub bcrypt_cost: u32,
    /// How often clients may ask.
    pub limits: MessagingLimits,
    /// The tables shared with Laravel.
    pub tables: Tables,
    /// How long messages are kept once they are acknowledged; `None` means for ever.
    pub keep_acked: Option<Duration>,
    /// How long they are kept in any case; `None` means for ever.
    pub keep: Option<Duration>,
}

/// How a message reaches the many it is published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FanoutQueue {
    /// Before the answer.
    Sync,
    /// Through a queue in the database of the messages.
    Database,
    /// Through a queue in Redis.
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
}

/// `[messaging.tables]`: names of letters, digits and underscores.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tables {
    /// The clients.
    pub clients: String,
    /// The messages.
    pub messages: String,
    /// How far each client has acknowledged.
    pub message_receipts: String,
}

/// The sections as they came.
pub(super) struct Sections {
    pub messaging: RawMessaging,
    pub registration: RawRegistration,
    pub messages: RawMessages,
}

pub(super) fn resolve(raw: Sections, layers: &Layers) -> Outcome<MessagingConfig> {
    let Sections { messaging, registration, messages } = raw;
    let tokens = messaging.admin_token.is_some() || registration.token.is_some();
    Ok(MessagingConfig {
        enabled: messaging.enabled.unwrap_or(true),
        is_configured: messaging.enabled == Some(true) || tokens || !messaging.operator_tokens.is_empty(),
        admin_token: messaging.admin_token.map(SecretString::from),
        operator_tokens: operators(messaging.operator_tokens),
        registration_token: registration.token.map(SecretString::from),
        queue: queue(&messaging.queue, layers)?,
        max_recipients: layers.number("messaging.max_recipients", messaging.max_recipients, 1..=100_000)?,
        bcrypt_cost: layers.number("messaging.bcrypt_cost", messaging.bcrypt_cost, 4..=15)?,
        limits: limits(&messaging.limits, layers)?,
        tables: tables(messaging.tables, layers)?,
        keep_acked: days("messages.keep_acked_days", messages.keep_acked_days, layers)?,
        keep: days("messages.keep_days", messages.keep_days, layers)?,
    })
}

fn queue(name: &str, layers: &Layers) -> Outcome<FanoutQueue> {
    match name {
        "sync" => Ok(FanoutQueue::Sync),
        "database" => Ok(FanoutQueue::Database),
        "redis" => Ok(FanoutQueue::Redis),
        // The app may have its own jobs in any queue, of any name: its choice says nothing about these.
        _ if is_of_the_app(layers) => Ok(FanoutQueue::Database),
        _ => Err(layers.refuse("messaging.queue", "must be sync, database or redis")),
    }
}

/// Whether the queue's name is the app's, and not meant for the sidecar.
fn is_of_the_app(layers: &Layers) -> bool {
    layers.value("messaging.queue").is_some_and(|value| layers.origin(&value).ends_with(" QUEUE_CONNECTION"))
}

/// The sentence for an app whose queue is none of the sidecar's.
pub(super) fn queue_warning(layers: &Layers) -> Option<String> {
    let name = layers.value("messaging.queue")?.into_string()?;
    let other = is_of_the_app(layers) && !["sync", "database", "redis"].contains(&name.as_str());
    let stated = layers.stated("messaging.queue");
    other.then(|| format!("{stated} is no queue of the sidecar: messages are fanned out through the database"))
}

/// As the reference reads them: trimmed, and empty ones are none.
fn operators(tokens: Vec<String>) -> Vec<SecretString> {
    let trimmed = tokens.into_iter().map(|token| token.trim().to_owned());
    trimmed.filter(|token| !token.is_empty()).map(SecretString::from).collect()
}

fn limits(raw: &RawLimits, layers: &Layers) -> Outcome<MessagingLimits> {
    let limit = |key: &str, text: &str| match text.is_empty() {
        true => Ok(None),
        false => layers.parse(key, text).map(Some),
    };
    Ok(MessagingLimits {
        poll: limit("messaging.limits.poll", &raw.poll)?,
        api: limit("messaging.limits.api", &raw.api)?,
        register: limit("messaging.limits.register", &raw.register)?,
    })
}

fn tables(raw: RawTables, layers: &Layers) -> Outcome<Tables> {
    let named = |key: &str, name: String| match !name.is_empty() && name.chars().all(is_plain) {
        true => Ok(name),
        false => Err(layers.refuse(&format!("messaging.tables.{key}"), "may have letters, digits and _ in it")),
    };
    Ok(Tables {
        clients: named("clients", raw.clients)?,
        messages: named("messages", raw.messages)?,
        message_receipts: named("message_receipts", raw.message_receipts)?,
    })
}

fn days(key: &str, days: i64, layers: &Layers) -> Outcome<Option<Duration>> {
    let days: u64 = layers.number(key, days, 0..=36_500)?;
    Ok((days > 0).then(|| Duration::from_secs(days * 86_400)))
}
