//! The Redis connections in `config/database.php` of a Laravel app: a cluster or Sentinels cannot be read without PHP, and
//! are refused by name.

use super::app_defaults::without_spaces;

/// How to give the sidecar what is not read.
const GENERATE: &str = "generate the configuration with php artisan presence:sidecar";

/// The client of namoshek/laravel-redis-sentinel.
const SENTINEL_CLIENT: &str = "phpredis-sentinel";

/// Why the connection with this name cannot be read from the text of `config/database.php`; `None` if it is one server.
/// `client` is `REDIS_CLIENT` of the app.
pub fn unreadable_connection(text: &str, name: &str, client: Option<&str>) -> Option<String> {
    let code = without_spaces(text);
    let redis = entry(&code[code.find("return[").map_or(0, |start| start + 7)..], "redis")?;
    let value = |key: &str| redis.strip_prefix('[').and_then(|entries| entry(entries, key));
    let is_client = match client {
        Some(client) => client == SENTINEL_CLIENT,
        None => value("client").is_some_and(|client| client.contains(&format!("'{SENTINEL_CLIENT}'"))),
    };
    let sentinels = format!("{GENERATE}, or set redis.sentinels (PRESENCE__REDIS__SENTINELS)");
    let nodes = format!("{GENERATE}, or set redis.cluster (PRESENCE__REDIS__CLUSTER)");
    if is_client {
        return Some(format!(
            "has the Redis client {SENTINEL_CLIENT} (namoshek/laravel-redis-sentinel), whose Sentinels cannot be read without \
             PHP: {sentinels}"
        ));
    }
    let Some(connection) = value(name) else {
        let clusters = value("clusters")?;
        entry(clusters.strip_prefix('[')?, name)?;
        return Some(format!(
            "has the Redis connection {name:?} among its clusters, whose nodes cannot be read without PHP: {nodes}"
        ));
    };
    let are_sentinels = |code: &str| code.contains("'replication'=>'sentinel'");
    let is_list = ["[[", "['tcp:", "['tls:", "['redis:"].iter().any(|start| connection.starts_with(start));
    match () {
        () if are_sentinels(connection) || value("options").is_some_and(are_sentinels) => Some(format!(
            "has Sentinels in the Redis connection {name:?} (Predis), which cannot be read without PHP: {sentinels}"
        )),
        () if is_list => Some(format!(
            "has several servers in the Redis connection {name:?}, which cannot be read without PHP: {nodes}"
        )),
        () => None,
    }
}

/// The code of the value of a key in an array, which begins behind its bracket.
fn entry<'a>(array: &'a str, key: &str) -> Option<&'a str> {
    let start = format!("'{key}'=>");
    let (mut begin, mut depth, mut is_quoted) = (0, 0_i32, false);
    for (place, letter) in array.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '[' | '(' if !is_quoted => depth += 1,
            ']' | ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        let ends = !is_quoted && (depth < 0 || (depth == 0 && letter == ','));
        if ends {
            if let Some(value) = array[begin..place].strip_prefix(&start) {
                return Some(value);
            }
            begin = place + 1;
        }
        if depth < 0 {
            return None;
        }
    }
    None
}
