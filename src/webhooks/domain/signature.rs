//! Signatures of webhooks. Pure: a secret, a time and the bytes of the body give the value of a header.
//!
//! Two formats, both over the bytes that are sent:
//! - The PHP package's: `t=<unix>,v1=<hex>` of `hash_hmac(algo, "{t}.{body}", secret)`; the secret is used as configured,
//!   including a `base64:` prefix.
//! - [Standard Webhooks](https://www.standardwebhooks.com): `v1,<base64>` of HMAC-SHA256 over `{id}.{t}.{body}`, with the
//!   key that [`SigningSecret`](crate::config::SigningSecret) derives: a secret `whsec_<base64>` is decoded, any other
//!   secret is used as configured.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac, SimpleHmac};

use crate::config::Algo;

/// The value of the PHP package's header, `t=<unix>,v1=<hex>`.
pub fn header(algo: Algo, secret: &[u8], time: i64, body: &[u8]) -> String {
    let time = time.to_string();
    let mac = hash_hmac(algo, secret, &[time.as_bytes(), b".", body]);
    format!("t={time},v1={}", hex::encode(mac))
}

/// One signature of the header `webhook-signature`, `v1,<base64>`, with the key of a secret.
pub fn standard(key: &[u8], id: &str, time: i64, body: &[u8]) -> String {
    let time = time.to_string();
    let mac = hash_hmac(Algo::Sha256, key, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(mac))
}

/// PHP's `hash_hmac($algo, implode($parts), $secret, true)`.
pub fn hash_hmac(algo: Algo, secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    match algo {
        Algo::Sha256 => mac::<Hmac<sha2::Sha256>>(secret, parts),
        Algo::Sha224 => mac::<Hmac<sha2::Sha224>>(secret, parts),
        Algo::Sha384 => mac::<Hmac<sha2::Sha384>>(secret, parts),
        Algo::Sha512 => mac::<Hmac<sha2::Sha512>>(secret, parts),
        Algo::Sha512_256 => mac::<Hmac<sha2::Sha512_256>>(secret, parts),
        Algo::Sha512_224 => mac::<Hmac<sha2::Sha512_224>>(secret, parts),
        Algo::Sha3_224 => mac::<SimpleHmac<sha3::Sha3_224>>(secret, parts),
        Algo::Sha3_256 => mac::<SimpleHmac<sha3::Sha3_256>>(secret, parts),
        Algo::Sha3_384 => mac::<SimpleHmac<sha3::Sha3_384>>(secret, parts),
        Algo::Sha3_512 => mac::<SimpleHmac<sha3::Sha3_512>>(secret, parts),
        Algo::Whirlpool => mac::<Hmac<whirlpool::Whirlpool>>(secret, parts),
        Algo::Ripemd160 => mac::<Hmac<ripemd::Ripemd160>>(secret, parts),
        Algo::Sha1 => mac::<Hmac<sha1::Sha1>>(secret, parts),
        Algo::Md5 => mac::<Hmac<md5::Md5>>(secret, parts),
    }
}

/// SHA-3 is a [`SimpleHmac`]: it has no state after the key that could be copied.
fn mac<M: Mac + KeyInit>(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { unreachable!("an HMAC takes keys of any length") };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}
