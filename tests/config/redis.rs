//! The Redis server, by Laravel's names or by URL.

use presence_sidecar::config::{RedisConfig, RedisEndpoint, RedisHost};

use super::{config_with, error_with};

fn redis(pairs: &[(&str, &str)]) -> RedisConfig {
    config_with(pairs).redis
}

fn url(url: &str) -> RedisConfig {
    redis(&[("REDIS_URL", url)])
}

fn tcp(host: &str, port: u16, tls: bool) -> RedisEndpoint {
    RedisEndpoint::Tcp { host: host.into(), port, tls }
}

fn password(redis: &RedisConfig) -> Option<&str> {
    redis.password.as_ref().map(secrecy::ExposeSecret::expose_secret)
}

#[test]
fn redis_host_is_a_name_a_url_or_a_socket() {
    let endpoint = |host: &str| redis(&[("REDIS_HOST", host)]).endpoint;
    assert_eq!(endpoint("cache.test"), tcp("cache.test", 6379, false));
    assert_eq!(endpoint("tls://cache.test"), tcp("cache.test", 6379, true));
    assert_eq!(endpoint("tcp://cache.test"), tcp("cache.test", 6379, false));
    assert_eq!(endpoint("::1"), tcp("::1", 6379, false));
    assert_eq!(endpoint("[::1]"), tcp("::1", 6379, false));
    assert_eq!(endpoint("/run/redis.sock"), RedisEndpoint::Unix("/run/redis.sock".into()));
    assert_eq!(endpoint("unix:///run/redis.sock"), RedisEndpoint::Unix("/run/redis.sock".into()));
    let socket = redis(&[("REDIS_HOST", "/run/redis.sock"), ("REDIS_PORT", "0")]).endpoint;
    assert_eq!(socket, RedisEndpoint::Unix("/run/redis.sock".into()));
}

#[test]
fn redis_scheme_can_be_set_separately() {
    let endpoint = |scheme: &str| redis(&[("REDIS_HOST", "a"), ("REDIS_SCHEME", scheme)]).endpoint;
    assert_eq!(endpoint("tls"), tcp("a", 6379, true));
    assert_eq!(endpoint("tcp"), tcp("a", 6379, false));
    assert!(error_with(&[("REDIS_SCHEME", "quic")]).contains("redis.scheme = \"quic\""));
    assert!(error_with(&[("REDIS_SCHEME", "unix")]).contains("the absolute path of the socket"));
}

#[test]
fn redis_url_sets_all_parts() {
    let full = url("rediss://ada:p%40ss%2Fword%00@cache.test:6380/3");
    assert_eq!(full.endpoint, tcp("cache.test", 6380, true));
    assert_eq!((full.username.as_deref(), password(&full)), (Some("ada"), Some("p@ss/word\0")));
    assert_eq!((full.db, full.cache_db), (3, 3));
    assert_eq!(url("redis://cache.test").endpoint, tcp("cache.test", 6379, false));
    assert_eq!(url("tls://cache.test").endpoint, tcp("cache.test", 6379, true));
    assert_eq!(url("tcp://cache.test/").endpoint, tcp("cache.test", 6379, false));
    assert_eq!(url("redis://[::1]:7000").endpoint, tcp("::1", 7000, false));
    let bare = url("redis://:hush@cache.test");
    assert_eq!((bare.username.as_deref(), password(&bare), bare.db, bare.cache_db), (None, Some("hush"), 0, 1));
    assert_eq!(url("redis://cache.test?database=6").cache_db, 6);
}

#[test]
fn redis_url_can_be_a_socket() {
    for text in ["unix:///run/my%20redis.sock?db=2", "redis+unix:///run/my%20redis.sock?db=2&pass=hush&user=ada"] {
        let socket = url(text);
        assert_eq!(socket.endpoint, RedisEndpoint::Unix("/run/my redis.sock".into()));
        assert_eq!((socket.db, socket.cache_db), (2, 2));
    }
    let named = url("redis+unix:///run/redis.sock?pass=hush&user=ada");
    assert_eq!((named.username.as_deref(), password(&named)), (Some("ada"), Some("hush")));
    for text in ["unix://ada:hu%40sh@/run/redis.sock?db=3", "redis+unix://ada:hu%40sh@/run/redis.sock?database=3"] {
        let socket = url(text);
        assert_eq!(socket.endpoint, RedisEndpoint::Unix("/run/redis.sock".into()));
        assert_eq!((socket.username.as_deref(), password(&socket), socket.db), (Some("ada"), Some("hu@sh"), 3));
    }
    let bare = url("unix://:hush@/run/redis.sock");
    assert_eq!((bare.username.as_deref(), password(&bare)), (None, Some("hush")));
    assert_eq!(url("unix:///run/a@/redis.sock").endpoint, RedisEndpoint::Unix("/run/a@/redis.sock".into()));
}

#[test]
fn redis_url_overrides_only_the_parts_that_it_has() {
    let mixed = redis(&[
        ("REDIS_URL", "redis://cache.test"),
        ("REDIS_HOST", "other.test"),
        ("REDIS_PORT", "7000"),
        ("REDIS_PASSWORD", "hush"),
        ("REDIS_CACHE_DB", "9"),
    ]);
    assert_eq!(mixed.endpoint, tcp("cache.test", 7000, false));
    assert_eq!((password(&mixed), mixed.cache_db), (Some("hush"), 9));
    let plain = redis(&[("REDIS_URL", "redis://cache.test"), ("REDIS_HOST", "tls://other.test")]);
    assert_eq!(plain.endpoint, tcp("cache.test", 6379, false));
}

#[test]
fn null_password_is_none() {
    assert!(redis(&[("REDIS_PASSWORD", "null"), ("REDIS_USERNAME", "")]).password.is_none());
}

#[test]
fn invalid_redis_server_is_rejected() {
    for (name, text, key) in [
        ("REDIS_URL", "http://cache.test", "redis.url"),
        ("REDIS_URL", "cache.test", "redis.url"),
        ("REDIS_URL", "redis://cache.test/first", "redis.url"),
        ("REDIS_URL", "redis://cache.test/-1", "redis.url"),
        ("REDIS_URL", "redis://cache.test/1/2", "redis.url"),
        ("REDIS_URL", "redis://cache.test:0", "redis.port"),
        ("REDIS_URL", "redis:///1", "redis.url"),
        ("REDIS_URL", "unix:relative.sock", "redis.url"),
        ("REDIS_URL", "redis://a:%ff@cache.test", "redis.url"),
        ("REDIS_HOST", "cache.test:6380", "redis.host"),
        ("REDIS_HOST", "unix://relative.sock", "redis.host"),
        ("REDIS_HOST", "quic://a", "redis.host"),
        ("REDIS_PORT", "0", "redis.port"),
        ("REDIS_PORT", "65536", "redis.port"),
        ("REDIS_DB", "-1", "redis.db"),
        ("REDIS_CACHE_DB", "-1", "redis.cache_db"),
        ("REDIS_DB", "first", "redis.db"),
    ] {
        let error = error_with(&[(name, text)]);
        assert!(error.starts_with(key), "{name}={text}: {error}");
    }
}

fn host(host: &str, port: u16, tls: bool) -> RedisHost {
    RedisHost { host: host.to_owned(), port, tls }
}

#[test]
fn cluster_is_a_list_of_nodes() {
    let cluster = redis(&[("PRESENCE__REDIS__CLUSTER", "a.test:7000, tls://b.test,[::1]:7001")]);
    let RedisEndpoint::Cluster(addresses) =
        redis(&[("PRESENCE__REDIS__CLUSTER", "::2,[::3],1:2:3:4:5:6:7:8:7001")]).endpoint
    else {
        panic!("a cluster");
    };
    let printed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(printed, ["[::2]:6379", "[::3]:6379", "[1:2:3:4:5:6:7:8]:7001"]);
    let nodes = vec![host("a.test", 7000, false), host("b.test", 6379, true), host("::1", 7001, false)];
    assert_eq!(cluster.endpoint, RedisEndpoint::Cluster(nodes));
    assert_eq!((cluster.db, cluster.cache_db, cluster.shards), (0, 0, 16));
    let set = redis(&[("PRESENCE__REDIS__CLUSTER", "a"), ("REDIS_CACHE_DB", "1"), ("PRESENCE__REDIS__SHARDS", "4")]);
    assert_eq!((set.db, set.cache_db, set.shards), (0, 1, 4));
    let tls = redis(&[("PRESENCE__REDIS__CLUSTER", "a:1,tcp://b:2"), ("REDIS_SCHEME", "tls")]);
    assert_eq!(tls.endpoint, RedisEndpoint::Cluster(vec![host("a", 1, true), host("b", 2, false)]));
}

#[test]
fn sentinels_have_a_service_and_credentials_of_their_own() {
    let redis = redis(&[
        ("PRESENCE__REDIS__SENTINELS", "a.test,b.test:26380"),
        ("PRESENCE__REDIS__SENTINEL_SERVICE", "cache"),
        ("PRESENCE__REDIS__SENTINEL_PASSWORD", "hush"),
        ("REDIS_PASSWORD", "quiet"),
    ]);
    let sentinel = redis.sentinel.as_ref().unwrap();
    assert_eq!(sentinel.sentinels, [host("a.test", 26_379, false), host("b.test", 26_380, false)]);
    assert_eq!((sentinel.service.as_str(), sentinel.username.as_deref()), ("cache", None));
    assert_eq!(sentinel.password.as_ref().map(secrecy::ExposeSecret::expose_secret), Some("hush"));
    assert_eq!((password(&redis), redis.db, redis.cache_db, redis.shards), (Some("quiet"), 0, 1, 1));
}

#[test]
fn contradictions_of_several_servers_are_rejected() {
    let cluster = ("PRESENCE__REDIS__CLUSTER", "a:1");
    for (pairs, expected) in [
        (vec![cluster, ("PRESENCE__REDIS__SENTINELS", "b:2")], "redis.sentinels"),
        (vec![cluster, ("REDIS_URL", "redis://c")], "redis.url"),
        (vec![("PRESENCE__REDIS__SENTINELS", "b:2"), ("REDIS_URL", "redis://c")], "redis.url"),
        (vec![("PRESENCE__REDIS__CLUSTER", "a:0")], "redis.cluster"),
        (vec![("PRESENCE__REDIS__CLUSTER", "[::1")], "redis.cluster"),
        (vec![("PRESENCE__REDIS__CLUSTER", "a:b:1")], "redis.cluster"),
        (vec![("PRESENCE__REDIS__CLUSTER", "quic://a:1")], "redis.cluster"),
        (vec![("PRESENCE__REDIS__CLUSTER", "ada:hush@a:1")], "redis.cluster"),
        (vec![("PRESENCE__REDIS__SENTINELS", "a/b")], "redis.sentinels"),
        (vec![("PRESENCE__REDIS__SHARDS", "0")], "redis.shards"),
        (vec![("PRESENCE__REDIS__SHARDS", "65")], "redis.shards"),
        (vec![("PRESENCE__REDIS__SSL_CA", "/ca.pem")], "redis.ssl_ca"),
        (vec![("REDIS_SCHEME", "tls"), ("PRESENCE__REDIS__SSL_CERT", "/a.pem")], "redis.ssl_cert"),
        (vec![("REDIS_SCHEME", "tls"), ("PRESENCE__REDIS__SSL_KEY", "/a.key")], "redis.ssl_key"),
    ] {
        let error = error_with(&pairs);
        assert!(error.starts_with(expected), "{pairs:?}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
