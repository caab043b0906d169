//! The differences between the configurations of the sidecar and the app.

use secrecy::{ExposeSecret, SecretString};

use crate::app::checks::Finding;
use crate::config::{CacheStore, Config, DatabaseConnection, RedisEndpoint, RedisHost};

/// A value to compare, and the variable that sets it.
struct Row {
    key: &'static str,
    variable: &'static str,
    value: fn(&Config) -> String,
    /// Whether the value must not be printed.
    secret: bool,
}

const fn row(key: &'static str, variable: &'static str, value: fn(&Config) -> String) -> Row {
    Row { key, variable, value, secret: false }
}

const ROWS: [Row; 5] = [
    row("cache.ttl_seconds", "PRESENCE_TTL", |config| config.cache.ttl_seconds.to_string()),
    row("cache.away_after_seconds", "PRESENCE_AWAY_AFTER", |config| config.cache.away_after_seconds.to_string()),
    row("cache.store", "PRESENCE_CACHE_STORE", |config| format!("{:?}", config.cache.store).to_lowercase()),
    row("laravel.timezone", "APP_TIMEZONE", |config| config.laravel.timezone.to_string()),
    Row {
        key: "webhook.secret",
        variable: "PRESENCE_WEBHOOK_SECRET",
        value: |config| exposed(config.webhook.endpoints.first().map(|endpoint| endpoint.secret.as_written())),
        secret: true,
    },
];

const REDIS: [Row; 3] = [
    row("redis.prefix", "REDIS_PREFIX", |config| config.redis.prefix.clone()),
    row("redis.cache_db", "REDIS_CACHE_DB", |config| config.redis.cache_db.to_string()),
    row("redis (address)", "REDIS_HOST and REDIS_PORT", servers),
];

const DATABASE: [Row; 2] = [
    row("database (address)", "DB_CONNECTION, DB_HOST and DB_DATABASE", |config| address(&config.database.connection)),
    row("database.cache_table", "DB_CACHE_TABLE", |config| config.database.cache_table.clone()),
];

const STORE: [Row; 2] = [
    row("laravel.cache_prefix", "CACHE_PREFIX", |config| config.laravel.cache_prefix.clone()),
    row("scope.include_guard", "PRESENCE__SCOPE__INCLUDE_GUARD", |config| config.scope.include_guard.to_string()),
];

/// The servers of Redis; the nodes of a cluster and Sentinels are in the order of their names, since any of them will do.
fn servers(config: &Config) -> String {
    let list = |hosts: &[RedisHost]| {
        let mut hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        hosts.sort_unstable();
        hosts.join(",")
    };
    match (&config.redis.endpoint, &config.redis.sentinel) {
        (_, Some(sentinel)) => format!("{} of the Sentinels {}", sentinel.service, list(&sentinel.sentinels)),
        (RedisEndpoint::Cluster(nodes), None) => format!("the cluster {}", list(nodes)),
        (RedisEndpoint::Tcp { host, port, .. }, None) => format!("{host}:{port}"),
        (RedisEndpoint::Unix(path), None) => path.display().to_string(),
    }
}

/// The address of a database, without user and password.
fn address(connection: &DatabaseConnection) -> String {
    match connection {
        DatabaseConnection::Sqlite(path) => path.display().to_string(),
        DatabaseConnection::MySql(server) | DatabaseConnection::Postgres(server) => {
            let hosts: Vec<String> = server.hosts.iter().map(ToString::to_string).collect();
            format!("{} on {}", server.database, hosts.join(","))
        }
    }
}

/// Compares times, time zone and secrets of the sidecar and the app. Values that the app does not set are skipped.
pub(super) fn differences(sidecar: &Config, app: &Config) -> Vec<Finding> {
    let mut findings = vec![
        accepted("auth.tokens", "PRESENCE_TOKEN", &sidecar.auth.tokens, &app.auth.tokens),
        accepted("auth.user_token_secrets", "PRESENCE_USER_TOKEN_SECRET", signing(sidecar), signing(app)),
    ];
    findings.extend(ROWS.iter().filter(|row| !(row.value)(app).is_empty()).map(|row| row.compare(sidecar, app)));
    findings
}

/// Checks that the first secret of the app is one of the sidecar's.
fn accepted(key: &str, variable: &str, ours: &[SecretString], theirs: &[SecretString]) -> Finding {
    let used = exposed(theirs.first());
    match ours.iter().any(|secret| exposed(Some(secret)) == used) {
        true => Finding::ok(key, "the sidecar accepts the app's"),
        false => Finding::wrong(key, "the sidecar does not accept the app's", format!("set {variable} for both")),
    }
}

/// The differences that prevent the sidecar from finding the app's records.
pub(super) fn store_differences(sidecar: &Config, app: &Config) -> Vec<Finding> {
    let own: &[Row] = if sidecar.cache.store == CacheStore::Database { &DATABASE } else { &REDIS };
    own.iter().chain(&STORE).map(|row| row.compare(sidecar, app)).filter(|finding| finding.fix.is_some()).collect()
}

impl Row {
    fn compare(&self, sidecar: &Config, app: &Config) -> Finding {
        let [ours, theirs] = [sidecar, app].map(self.value);
        match (ours == theirs, self.secret) {
            (true, true) => Finding::ok(self.key, "the same"),
            (true, false) => Finding::ok(self.key, ours),
            (false, secret) => {
                let problem =
                    if secret { "different".to_owned() } else { format!("{ours:?} here, {theirs:?} in the app") };
                let fix = format!(
                    "set {} for both, or generate the sidecar's configuration with `php artisan presence:sidecar`",
                    self.variable
                );
                Finding::wrong(self.key, problem, fix)
            }
        }
    }
}

/// The secrets that sign user tokens.
fn signing(config: &Config) -> &[SecretString] {
    match config.auth.user_token_secrets.is_empty() {
        true => &config.auth.tokens,
        false => &config.auth.user_token_secrets,
    }
}

fn exposed(secret: Option<&SecretString>) -> String {
    secret.map_or_else(String::new, |secret| secret.expose_secret().to_owned())
}
