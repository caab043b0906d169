//! Warnings about values that are allowed but probably not intended.

use secrecy::{ExposeSecret, SecretString};

use super::auth::AuthConfig;
use super::cache::CacheStore;
use super::laravel::LaravelConfig;
use super::layers::Layers;
use super::messaging::{FanoutQueue, MessagingConfig};
use super::redis::{RedisConfig, RedisEndpoint};
use super::scope::ScopeConfig;
use super::webhook::{Driver, WebhookConfig};
use crate::laravel::cache_key::drops_letters;

/// The example secret of the PHP package, which is public.
const EXAMPLE_SECRET: &str = "test-secret";

/// The beginning of the example tokens of the reference server, which are public.
const EXAMPLE_TOKEN: &str = "changeme-";

/// Tokens of fewer characters can be guessed.
const MIN_TOKEN_LENGTH: usize = 16;

/// Secrets of user tokens of fewer characters can be guessed: whoever has a user token can try them without a request.
const MIN_SECRET_LENGTH: usize = 32;

/// Warns of a webhook URL that is not used, and of secrets that are the public example or can be guessed.
pub(super) fn webhook(driver: Driver, webhook: &WebhookConfig, layers: &Layers) -> Vec<String> {
    let mut found = Vec::new();
    let endpoints = &webhook.endpoints;
    if driver == Driver::Cache && (layers.value("webhook.url").is_some() || !endpoints.is_empty()) {
        found.push("webhook.url is set, but driver = \"cache\" posts nothing: set driver = \"webhook\"".to_owned());
    }
    let example = endpoints.iter().filter(|endpoint| endpoint.secret.as_written().expose_secret() == EXAMPLE_SECRET);
    found.extend(example.map(|endpoint| {
        let name = &endpoint.name;
        format!("the webhook secret of {name:?} is the public example: choose another")
    }));
    let is_short = |secret: &str| secret != EXAMPLE_SECRET && secret.len() < MIN_TOKEN_LENGTH;
    let short = endpoints.iter().filter(|endpoint| is_short(endpoint.secret.as_written().expose_secret()));
    found.extend(short.map(|endpoint| {
        let name = &endpoint.name;
        format!("the webhook secret of {name:?} has less than {MIN_TOKEN_LENGTH} characters, which can be guessed")
    }));
    found
}

/// Warns of tokens and secrets that are too short.
pub(super) fn short_secrets(auth: &AuthConfig, messaging: &MessagingConfig) -> Vec<String> {
    let registration = messaging.registration_token.as_slice();
    let tokens = std::iter::once(("auth.tokens", auth.tokens.as_slice()))
        .chain(messaging_tokens(messaging))
        .chain(messaging.enabled.then_some(("registration.token", registration)))
        .map(|(key, tokens)| (key, tokens, MIN_TOKEN_LENGTH));
    let secrets = ("auth.user_token_secrets", auth.user_token_secrets.as_slice(), MIN_SECRET_LENGTH);
    let weak = tokens
        .chain([secrets])
        .filter(|(_, entries, least)| entries.iter().any(|entry| entry.expose_secret().len() < *least));
    weak.map(|(key, _, least)| format!("{key} has an entry of less than {least} characters, which can be guessed"))
        .collect()
}

/// Warns of the example tokens that a `.env` may still have from the reference server.
pub(super) fn example_tokens(messaging: &MessagingConfig) -> Vec<String> {
    let is_example = |token: &SecretString| token.expose_secret().starts_with(EXAMPLE_TOKEN);
    let found = messaging_tokens(messaging).filter(|(_, tokens)| tokens.iter().any(is_example));
    found.map(|(key, _)| format!("{key} has the reference server's public example: choose another")).collect()
}

/// Warns of a Redis that is configured but not used.
pub(super) fn unused_redis(store: CacheStore, layers: &Layers) -> Option<String> {
    let is_default = layers.value("cache.store").is_none_or(|store| layers.origin(&store) == "default");
    let unused = store == CacheStore::Array || (store == CacheStore::Database && is_default);
    (unused && layers.value("redis.url").is_some()).then(|| {
        let store = layers.describe("cache.store");
        format!("a Redis is configured, but {store} does not use it: set PRESENCE_CACHE_STORE")
    })
}

/// Warns of keys that differ from those of the PHP package.
pub(super) fn guard_left_out(scope: &ScopeConfig, store: CacheStore) -> Option<String> {
    (!scope.include_guard && store != CacheStore::Array)
        .then(|| "scope.include_guard = false gives keys that the PHP package does not use".to_owned())
}

/// Warns of a name from which only Laravel can derive the default prefixes, as it transliterates letters of every script.
pub(super) fn dropped_letters(laravel: &LaravelConfig, store: CacheStore, layers: &Layers) -> Option<String> {
    let is_derived = |key: &str| layers.value(key).is_none();
    let is_derived = match store {
        CacheStore::Redis => is_derived("redis.prefix") || is_derived("laravel.cache_prefix"),
        CacheStore::Database => is_derived("laravel.cache_prefix"),
        CacheStore::Array => false,
    };
    (is_derived && drops_letters(&laravel.app_name)).then(|| {
        let name = layers.describe("laravel.app_name");
        format!(
            "{name} has letters that only Laravel transliterates, so the app's default prefixes differ from those here: \
             set REDIS_PREFIX and CACHE_PREFIX to the app's prefixes"
        )
    })
}

/// Warns of own keys in the database of Laravel's cache, which Laravel flushes as a whole.
pub(super) fn shared_redis_database(
    redis: &RedisConfig,
    store: CacheStore,
    messaging: &MessagingConfig,
) -> Option<String> {
    let is_queue = messaging.enabled && messaging.queue == FanoutQueue::Redis;
    // A cluster usually has one database, so there is nothing to be set.
    let is_cluster = matches!(redis.endpoint, RedisEndpoint::Cluster(_));
    let shared = (store == CacheStore::Redis || is_queue) && redis.db == redis.cache_db && !is_cluster;
    shared.then(|| {
        let db = redis.db;
        format!(
            "redis.db and redis.cache_db are both {db}: `php artisan cache:clear` empties that database, including \
             queued webhooks, queued messages and the change log: set REDIS_DB to another one (a REDIS_URL with a \
             database sets both)"
        )
    })
}

fn messaging_tokens(messaging: &MessagingConfig) -> impl Iterator<Item = (&'static str, &[SecretString])> {
    let lists = [
        ("messaging.admin_token (ADMIN_TOKEN)", messaging.admin_token.as_slice()),
        ("messaging.operator_tokens (OPERATOR_TOKENS)", messaging.operator_tokens.as_slice()),
    ];
    lists.into_iter().filter(|_| messaging.enabled)
}
