//! What is allowed but probably not meant.

use secrecy::{ExposeSecret, SecretString};

use super::layers::Layers;
use super::messaging;
use super::messaging::FanoutQueue;
use super::resolved::{CacheStore, Config, Driver};
use crate::laravel::cache_key::drops_letters;

/// The PHP package's example, which everybody knows.
const EXAMPLE_SECRET: &str = "test-secret";

/// What the reference server's own tokens begin with, which everybody knows.
const EXAMPLE_TOKEN: &str = "changeme-";

/// Characters below which a token can be guessed.
const SHORT: usize = 16;

/// A sentence for each thing to look at.
pub(super) fn of(config: &Config, layers: &Layers) -> Vec<String> {
    let found = webhook(config, layers).into_iter().chain(short(config)).chain(keys(config, layers));
    let found = found.chain(examples(config)).chain(shared_database(config)).chain(spelled(config, layers));
    let found = found.chain(messaging::queue_warning(layers).filter(|_| config.messaging.enabled));
    found.collect()
}

fn webhook(config: &Config, layers: &Layers) -> Vec<String> {
    let mut found = Vec::new();
    let endpoints = &config.webhook.endpoints;
    if config.driver == Driver::Cache && (layers.value("webhook.url").is_some() || !endpoints.is_empty()) {
        found.push("webhook.url is set, but driver = \"cache\" posts nothing: set driver = \"webhook\"".to_owned());
    }
    let example = endpoints.iter().filter(|endpoint| endpoint.secret.expose_secret() == EXAMPLE_SECRET);
    found.extend(example.map(|endpoint| {
        let name = &endpoint.name;
        format!("the webhook secret of {name:?} is the example everybody knows: choose another")
    }));
    found
}

fn short(config: &Config) -> Vec<String> {
    let auth = &config.auth;
    let lists = [("auth.tokens", auth.tokens.as_slice()), ("auth.user_token_secrets", &auth.user_token_secrets)];
    let is_short = |secret: &SecretString| secret.expose_secret().len() < SHORT;
    let weak = lists.into_iter().chain(of_messaging(config)).filter(|(_, secrets)| secrets.iter().any(is_short));
    weak.map(|(key, _)| format!("{key} has an entry of less than {SHORT} characters, which can be guessed")).collect()
}

/// The tokens that a `.env` may still have from the reference server.
fn examples(config: &Config) -> Vec<String> {
    let known = |token: &SecretString| token.expose_secret().starts_with(EXAMPLE_TOKEN);
    let open = of_messaging(config).filter(|(_, tokens)| tokens.iter().any(known));
    open.map(|(key, _)| format!("{key} has the reference server's example, which everybody knows: choose another"))
        .collect()
}

/// Laravel spells letters of every script in the prefixes that it makes of the name.
fn spelled(config: &Config, layers: &Layers) -> Option<String> {
    let made = |key: &str| layers.value(key).is_none();
    let made = match config.cache.store {
        CacheStore::Redis => made("redis.prefix") || made("laravel.cache_prefix"),
        CacheStore::Database => made("laravel.cache_prefix"),
        CacheStore::Array => false,
    };
    (made && drops_letters(&config.laravel.app_name)).then(|| {
        let name = layers.stated("laravel.app_name");
        format!(
            "{name} has letters that only Laravel can spell, so that its own prefixes are others than the defaults here: set \
             REDIS_PREFIX and CACHE_PREFIX to what it uses"
        )
    })
}

/// Laravel empties the database of its cache as a whole.
fn shared_database(config: &Config) -> Option<String> {
    let redis = &config.redis;
    let queued = config.messaging.enabled && config.messaging.queue == FanoutQueue::Redis;
    let shared = (config.cache.store == CacheStore::Redis || queued) && redis.db == redis.cache_db;
    shared.then(|| {
        let db = redis.db;
        format!(
            "redis.db and redis.cache_db are both {db}: `php artisan cache:clear` empties that database, and with it \
             webhooks and messages on their way and the change log: set REDIS_DB to another one (a REDIS_URL that \
             names a database sets both)"
        )
    })
}

fn of_messaging(config: &Config) -> impl Iterator<Item = (&'static str, &[SecretString])> {
    let messaging = &config.messaging;
    let lists = [
        ("messaging.admin_token (ADMIN_TOKEN)", messaging.admin_token.as_slice()),
        ("messaging.operator_tokens (OPERATOR_TOKENS)", messaging.operator_tokens.as_slice()),
    ];
    lists.into_iter().filter(|_| messaging.enabled)
}

fn keys(config: &Config, layers: &Layers) -> Vec<String> {
    let mut found = Vec::new();
    let store = layers.value("cache.store");
    let chosen = store.is_some_and(|store| layers.origin(&store) != "default");
    let elsewhere = config.cache.store == CacheStore::Array || (config.cache.store == CacheStore::Database && !chosen);
    if elsewhere && layers.value("redis.url").is_some() {
        let stated = layers.stated("cache.store");
        found.push(format!("a Redis is configured, but {stated} does not use it: set PRESENCE_CACHE_STORE"));
    }
    if !config.scope.include_guard && config.cache.store != CacheStore::Array {
        found.push("scope.include_guard = false gives keys that the PHP package does not look for".to_owned());
    }
    found
}
