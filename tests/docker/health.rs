//! `presence-sidecar health`, the health check of containers.

use std::process::{Command, Output};

use crate::support::{Process, RedisServer, on_redis};

fn health(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_presence-sidecar"))
        .arg("health")
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

fn said(output: &Output) -> (bool, String) {
    let all = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.success(), String::from_utf8(all).unwrap())
}

#[test]
fn health_follows_start_and_stop() {
    let mut sidecar = Process::start(&[]);
    let address = sidecar.url.strip_prefix("http://").unwrap().to_owned();
    let listen = ("PRESENCE_LISTEN", address.as_str());
    assert_eq!(said(&health(&[listen], &[])), (true, "up\n".to_owned()));
    assert_eq!(said(&health(&[listen], &["--ready"])), (true, "ready\n".to_owned()));
    assert_eq!(said(&health(&[], &["--listen", &address])), (true, "up\n".to_owned()));
    let everywhere = format!("0.0.0.0:{}", address.rsplit_once(':').unwrap().1);
    assert!(health(&[("PRESENCE_LISTEN", &everywhere)], &[]).status.success());
    sidecar.kill();
    let (success, words) = said(&health(&[listen], &[]));
    assert!(!success && words.starts_with(&format!("presence-sidecar: the sidecar at http://{address} ")), "{words}");
}

#[test]
fn sidecar_without_certificates_of_the_system_speaks_plain_http() {
    let none = [("SSL_CERT_FILE", "/nonexistent".to_owned()), ("SSL_CERT_DIR", "/nonexistent".to_owned())];
    let webhook = [
        ("PRESENCE_DRIVER", "webhook".to_owned()),
        ("PRESENCE_WEBHOOK_URL", "http://127.0.0.1:9/hook".to_owned()),
        ("PRESENCE_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        ("PRESENCE__WEBHOOK__ALLOWED_NETWORKS", "127.0.0.0/8".to_owned()),
    ];
    let sidecar = Process::start(&[&none[..], &webhook].concat());
    let listen = ("PRESENCE_LISTEN", sidecar.url.strip_prefix("http://").unwrap());
    let environment = [listen, ("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    assert_eq!(said(&health(&environment, &[])), (true, "up\n".to_owned()));
}

#[test]
fn sidecar_without_redis_is_up_but_not_ready() {
    require!("redis-server");
    let mut redis = RedisServer::start();
    let sidecar = Process::start(&on_redis(&redis));
    let listen = [("PRESENCE_LISTEN", sidecar.url.strip_prefix("http://").unwrap())];
    assert!(health(&listen, &["--ready"]).status.success());
    redis.stop();
    assert!(health(&listen, &[]).status.success());
    assert_eq!(said(&health(&listen, &["--ready"])), (false, "presence-sidecar: Service Unavailable\n".to_owned()));
}

#[test]
fn health_works_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("presence.sock").display());
    let _sidecar = Process::start(&[("PRESENCE_LISTEN", format!("127.0.0.1:0,{socket}"))]);
    assert_eq!(said(&health(&[("PRESENCE_LISTEN", &socket)], &["--ready"])), (true, "ready\n".to_owned()));
}
