//! The signature of a request, as Pusher's HTTP API defines it. Pure.
//!
//! `auth_signature` is the hexadecimal HMAC-SHA256 of `"{method}\n{path}\n{parameters}"` with the secret of the application,
//! where the path is that of the protocol, without one under which the server has its API, and the parameters are all others, sorted by name, as `name=value` joined by `&`. `body_md5` is one of them if there is
//! a body.

use md5::{Digest, Md5};
use secrecy::ExposeSecret;
use url::Url;

use crate::config::{Algo, BroadcastServer};
use crate::webhooks::domain::signature::hash_hmac;

/// The URL of a signed request to `/apps/{id}{path}` of `server` at `time`, in seconds since 1970.
pub fn signed_url(server: &BroadcastServer, method: &str, path: &str, body: &[u8], time: i64) -> Url {
    let mut url = server.url.clone();
    let path = format!("/apps/{}{path}", server.app_id);
    url.set_path(&format!("{}{path}", server.url.path().trim_end_matches('/')));
    let mut parameters = vec![
        ("auth_key", server.key.clone()),
        ("auth_timestamp", time.to_string()),
        ("auth_version", "1.0".to_owned()),
    ];
    if !body.is_empty() {
        parameters.push(("body_md5", hex::encode(Md5::digest(body))));
    }
    let joined: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signed = format!("{method}\n{path}\n{}", joined.join("&"));
    let mac = hash_hmac(Algo::Sha256, server.secret.expose_secret().as_bytes(), &[signed.as_bytes()]);
    url.query_pairs_mut().extend_pairs(&parameters).append_pair("auth_signature", &hex::encode(mac));
    url
}
