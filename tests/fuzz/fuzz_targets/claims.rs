//! User tokens: any text as a token, and any claims with a right signature. A token without a right signature is a 401.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use presence_sidecar::config::Algo;
use presence_sidecar::http::token_verifier::TokenVerifier;
use presence_sidecar::webhooks::domain::signature::hash_hmac;
use presence_sidecar_fuzz::{TOKEN, send};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(TokenVerifier::new(&[TOKEN.to_owned().into()], &[]).user(text).is_none(), "a forged token");
    }
    let signed =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(bytes));
    let signature = hash_hmac(Algo::Sha256, TOKEN.as_bytes(), &[signed.as_bytes()]);
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let head = format!(
        "POST /presence/heartbeat HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    if head.len() < 8_000 {
        send(&head, b"{}");
    }
});
