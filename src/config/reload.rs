//! Which keys a running sidecar takes from a new configuration, and which need a restart.

use super::Loaded;

/// Keys that a running sidecar takes over; an entry that ends with a dot stands for all keys that begin with it.
const RELOADABLE: [&str; 24] = [
    "auth.tokens",
    "auth.user_token_secrets",
    "messaging.admin_token",
    "messaging.operator_tokens",
    "messaging.limits.",
    "registration.token",
    "routing.throttle",
    "server.trusted_proxies",
    "server.allowed_headers",
    "server.allowed_origins",
    "log.filter",
    "webhook.url",
    "webhook.secret",
    "webhook.previous_secrets",
    "webhook.headers",
    "webhook.timeout",
    "webhook.signature_header",
    "webhook.algo",
    "webhook.send_on.",
    "broadcast.timeout",
    "broadcast.max_bytes",
    "broadcast.channels.",
    "broadcast.reverb.",
    "broadcast.pusher.",
];

/// The difference between two configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigChanges {
    /// Changed keys that a running sidecar takes over.
    pub reloadable: Vec<String>,
    /// Changed keys that need a restart.
    pub restart: Vec<String>,
}

impl Loaded {
    /// The keys that differ in `new`. Another list of endpoint names needs a restart, because each name has a queue: it is
    /// reported as `webhook.endpoints`.
    pub fn changes(&self, new: &Self) -> ConfigChanges {
        let changed = self.digests.changed(&new.digests);
        let (reloadable, mut restart): (Vec<String>, Vec<String>) =
            changed.into_iter().partition(|key| is_reloadable(key));
        let names = |loaded: &Self| {
            let endpoints = loaded.config.webhook.endpoints.iter();
            endpoints.map(|endpoint| endpoint.name.clone()).collect::<Vec<_>>()
        };
        if names(self) != names(new) {
            restart.push("webhook.endpoints".to_owned());
        }
        ConfigChanges { reloadable, restart }
    }
}

fn is_reloadable(key: &str) -> bool {
    if let Some((_, member)) = key.strip_prefix("webhook.endpoints[").and_then(|rest| rest.split_once("].")) {
        return member != "name";
    }
    RELOADABLE.iter().any(|known| if known.ends_with('.') { key.starts_with(known) } else { key == *known })
}
