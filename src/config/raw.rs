//! The merged layers as serde reads them: the TOML file's shape, nothing checked but kinds.
//!
//! An `Option` is a key without a default; every default is in `config/presence.toml`. Nothing here is `Debug`:
//! secrets are plain text until they are resolved.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub driver: String,
    pub storage: String,
    pub cache: RawCache,
    pub redis: RawRedis,
    pub database: RawDatabase,
    pub laravel: RawLaravel,
    pub presence: RawPresence,
    pub changes: RawChanges,
    pub webhook: RawWebhook,
    pub messaging: RawMessaging,
    pub registration: RawRegistration,
    pub messages: RawMessages,
    pub routing: RawRouting,
    pub scope: RawScope,
    pub auth: RawAuth,
    pub server: RawServer,
    pub metrics: RawMetrics,
    pub log: RawLog,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCache {
    pub store: String,
    pub ttl_seconds: i64,
    pub away_after_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRedis {
    pub url: Option<String>,
    pub host: String,
    pub port: i64,
    pub scheme: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub db: i64,
    pub cache_db: i64,
    pub prefix: Option<String>,
    pub timeout_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub connection: String,
    pub url: Option<String>,
    pub host: String,
    pub port: Option<i64>,
    pub database: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub socket: Option<String>,
    pub sslmode: String,
    pub ssl_ca: Option<String>,
    pub max_connections: i64,
    pub timeout_ms: i64,
    pub auto_migrate: bool,
    pub prefix: String,
    pub cache_table: String,
    pub cache_connection: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLaravel {
    pub version: String,
    pub app_name: String,
    pub app_key: Option<String>,
    pub previous_keys: Vec<String>,
    pub cipher: String,
    pub timezone: String,
    pub cache_prefix: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPresence {
    pub remember_days: i64,
    pub sweep_interval_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChanges {
    pub keep_hours: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWebhook {
    pub url: Option<String>,
    pub secret: Option<String>,
    pub previous_secrets: Vec<String>,
    pub timeout: i64,
    pub retries: i64,
    pub signature_header: String,
    pub algo: String,
    pub headers: BTreeMap<String, String>,
    pub debounce_seconds: i64,
    pub schedule: Vec<String>,
    pub concurrency: i64,
    pub keep_dead_days: i64,
    pub allowed_networks: Vec<String>,
    pub send_on: RawSendOn,
    #[serde(default)]
    pub endpoints: Vec<RawEndpoint>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSendOn {
    pub online: Option<bool>,
    pub offline: Option<bool>,
    pub heartbeat: Option<bool>,
    pub away: Option<bool>,
}

/// One of `[[webhook.endpoints]]`, or `[webhook]` itself; what is missing falls back to `[webhook]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEndpoint {
    pub name: Option<String>,
    pub url: Option<String>,
    pub secret: Option<String>,
    pub previous_secrets: Option<Vec<String>>,
    pub timeout: Option<i64>,
    pub signature_header: Option<String>,
    pub algo: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub send_on: RawSendOn,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessaging {
    pub enabled: Option<bool>,
    pub admin_token: Option<String>,
    pub operator_tokens: Vec<String>,
    pub queue: String,
    pub max_recipients: i64,
    pub bcrypt_cost: i64,
    pub limits: RawLimits,
    pub tables: RawTables,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub poll: String,
    pub api: String,
    pub register: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTables {
    pub clients: String,
    pub messages: String,
    pub message_receipts: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistration {
    pub token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMessages {
    pub keep_acked_days: i64,
    pub keep_days: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRouting {
    pub register_heartbeat_route: bool,
    pub prefix: String,
    pub throttle: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScope {
    pub include_guard: bool,
    pub domains: BTreeMap<String, String>,
    pub resolver: RawResolver,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResolver {
    pub tenant: Vec<String>,
    pub location: Vec<String>,
    pub domain: Vec<String>,
    pub guard: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuth {
    pub tokens: Option<Vec<String>>,
    pub user_token_secrets: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub listen: Vec<String>,
    pub workers: i64,
    pub max_connections: i64,
    pub header_timeout_seconds: i64,
    pub body_timeout_seconds: i64,
    pub body_limit: i64,
    pub shutdown_timeout_seconds: i64,
    pub trusted_proxies: Vec<String>,
    pub allowed_origins: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub listen: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub filter: String,
    pub format: String,
}
