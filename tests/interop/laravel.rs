//! The PHP side: `laravel.php` as a process that takes commands.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::Env;
use crate::support::{TestDatabase, command, fixture};

/// A Laravel app with its cache on a Redis or in a database, stopped when dropped.
pub struct Laravel {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Laravel {
    /// An app on the Redis at `127.0.0.1:port` with this `.env`.
    pub fn start(port: u16, env: &Env<'_>) -> Self {
        Self::with(&json!({"port": port}), env)
    }

    /// One with this Redis client (`phpredis` or `predis`) and these options of it.
    pub fn with_client(port: u16, client: &str, options: &Value, env: &Env<'_>) -> Self {
        Self::with(&json!({"port": port, "client": client, "options": options}), env)
    }

    /// One with its cache on a Redis Cluster, which it knows by these `host:port` addresses.
    pub fn on_cluster(nodes: &str, client: &str) -> Self {
        let nodes: Vec<&str> = nodes.split(',').collect();
        Self::with(&json!({"port": 1, "client": client, "cluster": nodes}), &[])
    }

    /// One that unserializes no objects, as Laravel's skeleton is since version 13.
    pub fn without_classes(port: u16, env: &Env<'_>) -> Self {
        Self::with(&json!({"port": port, "serializable_classes": false}), env)
    }

    /// An app with its cache in a database.
    pub fn on_database(database: &TestDatabase, env: &Env<'_>) -> Self {
        let environment = database.environment();
        let named = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let connection = json!({
            "driver": named("DB_CONNECTION"),
            "host": "127.0.0.1",
            "port": named("DB_PORT"),
            "database": named("DB_DATABASE"),
            "username": named("DB_USERNAME"),
            "password": "",
        });
        Self::with(&json!({"port": 1, "database": connection}), env)
    }

    fn with(place: &Value, env: &Env<'_>) -> Self {
        let set = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let number = |name: &str, default: u32| set(name).map_or(default, |value| value.parse().unwrap());
        let settings = json!({
            "port": place["port"],
            "database": place["database"],
            "cluster": place["cluster"],
            "client": place["client"].as_str().unwrap_or("phpredis"),
            "options": if place["options"].is_null() { json!({}) } else { place["options"].clone() },
            "serializable_classes": place["serializable_classes"],
            "version": set("PRESENCE_LARAVEL_VERSION").unwrap_or("12"),
            "app_name": set("APP_NAME").unwrap_or("laravel"),
            "timezone": set("APP_TIMEZONE").unwrap_or("UTC"),
            "redis_prefix": set("REDIS_PREFIX"),
            "cache_prefix": set("CACHE_PREFIX"),
            "cache_db": number("REDIS_CACHE_DB", 1),
            "ttl": number("PRESENCE_TTL", 120),
            "away_after": number("PRESENCE_AWAY_AFTER", 60),
        });
        let mut child = command("laravel")
            .arg(fixture("interop/laravel.php"))
            .arg(settings.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, orders, answers }
    }

    /// `Cache::get`.
    pub fn get(&mut self, key: &str) -> Value {
        self.obeyed(&json!({"do": "get", "key": key}))
    }

    /// `Cache::put` of a PHP expression.
    pub fn put(&mut self, key: &str, php: &str, ttl: u32) {
        assert_eq!(self.obeyed(&json!({"do": "put", "key": key, "php": php, "ttl": ttl})), true);
    }

    /// `Cache::forget`.
    pub fn forget(&mut self, key: &str) {
        assert_eq!(self.obeyed(&json!({"do": "forget", "key": key})), true);
    }

    /// The time to live of a key in seconds, through Laravel's own connection; -2 if there is no such key.
    pub fn ttl(&mut self, key: &str) -> i64 {
        self.obeyed(&json!({"do": "ttl", "key": key})).as_i64().unwrap()
    }

    /// The package's cache key.
    pub fn key(&mut self, user: &Value, scope: &Value) -> String {
        let key = self.obeyed(&json!({"do": "key", "user_id": user, "scope": scope}));
        key.as_str().unwrap().to_owned()
    }

    /// The package's heartbeat, in the default scope.
    pub fn heartbeat(&mut self, user: &str, meta: &Value) {
        self.obeyed(&json!({"do": "heartbeat", "user_id": user, "meta": meta}));
    }

    /// The package's status of a user in the default scope.
    pub fn status(&mut self, user: &str) -> Value {
        self.obeyed(&json!({"do": "status", "user_id": user}))
    }

    /// The value of a PHP expression, as JSON.
    ///
    /// # Errors
    /// The exception that PHP threw.
    pub fn evaluate(&mut self, php: &str) -> Result<Value, String> {
        self.ask(&json!({"do": "evaluate", "php": php}))
    }

    fn obeyed(&mut self, order: &Value) -> Value {
        self.ask(order).unwrap_or_else(|error| panic!("{order}: {error}"))
    }

    fn ask(&mut self, order: &Value) -> Result<Value, String> {
        _ = writeln!(self.orders, "{order}"); // If it has ended, the missing answer says so.
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line)
            .expect("laravel.php answers; if Laravel or php-redis is missing, run tests/run, which installs them");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }
}

impl Drop for Laravel {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
