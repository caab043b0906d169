//! TLS with an authority of one's own and with client certificates.

use std::time::Duration;

use super::assert_all_beat;
use crate::support::{Certificates, RedisServer, Sidecar, free_port};

struct TlsRedis {
    _server: RedisServer,
    certificates: Certificates,
    port: u16,
}

impl TlsRedis {
    fn start() -> Self {
        let (certificates, port) = (Certificates::create(), free_port());
        let [authority, server, key] = [certificates.authority(), certificates.server(), certificates.key()]
            .map(|path| path.display().to_string());
        let listen = port.to_string();
        let server = RedisServer::start_with(&[
            "--tls-port",
            &listen,
            "--tls-ca-cert-file",
            &authority,
            "--tls-cert-file",
            &server,
            "--tls-key-file",
            &key,
            "--tls-auth-clients",
            "yes",
        ]);
        Self { _server: server, certificates, port }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PRESENCE_CACHE_STORE", "redis".to_owned()),
            ("REDIS_SCHEME", "tls".to_owned()),
            ("REDIS_PORT", self.port.to_string()),
            ("PRESENCE__REDIS__SSL_CA", self.certificates.authority().display().to_string()),
        ]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_is_presented() {
    require!("redis-server", "openssl");
    let redis = TlsRedis::start();
    let mut environment = redis.environment();
    let stranger = Sidecar::with(&environment).await;
    assert_eq!(stranger.client.heartbeat(1).await.status, 503);
    environment.push(("PRESENCE__REDIS__SSL_CERT", redis.certificates.server().display().to_string()));
    environment.push(("PRESENCE__REDIS__SSL_KEY", redis.certificates.key().display().to_string()));
    let sidecar = Sidecar::with(&environment).await;
    assert_all_beat(&sidecar, 1..3, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_of_another_authority_is_refused() {
    require!("redis-server", "openssl");
    let redis = TlsRedis::start();
    let mut environment = redis.environment();
    environment.retain(|(name, _)| *name != "PRESENCE__REDIS__SSL_CA");
    let others = Certificates::create();
    environment.push(("PRESENCE__REDIS__SSL_CA", others.authority().display().to_string()));
    let sidecar = Sidecar::with(&environment).await;
    let ready = sidecar.client.get("/ready").await;
    assert_eq!((ready.status, sidecar.client.heartbeat(1).await.status), (503, 503), "{}", ready.text);
}
