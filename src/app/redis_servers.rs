//! The Redis servers of the configuration.

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, TlsCertificates,
};
use secrecy::{ExposeSecret, SecretString};

use super::error::BuildError;
use crate::config::{Config, RedisEndpoint, RedisHost, RedisTls};
use crate::storage::Unavailable;
use crate::storage::redis::{Confirmation, RedisServers};

/// The servers of `[redis]`, with the database of the sidecar's own keys; not connected yet.
pub(super) fn redis_servers(config: &Config) -> Result<RedisServers, BuildError> {
    let confirmation = Confirmation::new(config.redis.wait_replicas, config.redis.timeout);
    servers(config).map(|servers| servers.with_confirmation(confirmation))
}

fn servers(config: &Config) -> Result<RedisServers, BuildError> {
    let redis = &config.redis;
    let tls = certificates(&redis.tls);
    let login = login(redis.username.as_deref(), redis.password.as_ref()).set_db(redis.db);
    let node = |host: &RedisHost| server(address(host), login.clone(), &tls);
    let server = match &redis.endpoint {
        RedisEndpoint::Cluster(nodes) => {
            let nodes = nodes.iter().map(node).collect::<Result<_, BuildError>>()?;
            return RedisServers::cluster(nodes, redis.timeout).map_err(invalid_redis);
        }
        RedisEndpoint::Tcp { host, port, tls } => node(&RedisHost { host: host.clone(), port: *port, tls: *tls })?,
        RedisEndpoint::Unix(path) => server(ConnectionAddr::Unix(path.clone()), login.clone(), &tls)?,
    };
    let Some(sentinel) = &redis.sentinel else { return Ok(server.into()) };
    let login = self::login(sentinel.username.as_deref(), sentinel.password.as_ref());
    let sentinels = sentinel.sentinels.iter().map(|host| self::server(address(host), login.clone(), &tls));
    let sentinels = sentinels.collect::<Result<_, BuildError>>()?;
    RedisServers::sentinel(sentinels, &sentinel.service, server, redis.timeout).map_err(invalid_redis)
}

/// The error of servers that cannot be used.
pub(super) fn invalid_redis(error: Unavailable) -> BuildError {
    BuildError(format!("redis: {}", error.reason()))
}

fn address(RedisHost { host, port, tls }: &RedisHost) -> ConnectionAddr {
    match tls {
        true => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host.clone(), *port),
    }
}

fn login(username: Option<&str>, password: Option<&SecretString>) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default();
    if let Some(username) = username {
        login = login.set_username(username);
    }
    if let Some(password) = password {
        login = login.set_password(password.expose_secret());
    }
    login
}

fn server(
    address: ConnectionAddr,
    login: RedisConnectionInfo,
    certificates: &TlsCertificates,
) -> Result<ConnectionInfo, BuildError> {
    let invalid = |error| BuildError(format!("redis: {error}"));
    let is_tls = matches!(address, ConnectionAddr::TcpTls { .. });
    let server = address.into_connection_info().map_err(invalid)?.set_redis_settings(login);
    if !is_tls {
        return Ok(server);
    }
    let client = Client::build_with_tls(server, certificates.clone()).map_err(|error| {
        BuildError(format!("redis.ssl_ca, redis.ssl_cert or redis.ssl_key is not a valid PEM file: {error}"))
    })?;
    Ok(client.get_connection_info().clone())
}

fn certificates(tls: &RedisTls) -> TlsCertificates {
    let RedisTls { ca, client } = tls.clone();
    let client_tls = client.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    TlsCertificates { client_tls, root_cert: ca }
}
