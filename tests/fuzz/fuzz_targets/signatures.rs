//! Signing secrets: a text is refused, or signs with the key that receivers derive from it.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use presence_sidecar::config::{Algo, SigningSecret};
use presence_sidecar::webhooks::domain::signature;

fuzz_target!(|input: (&str, i64, &[u8])| {
    let (text, time, body) = input;
    for algo in Algo::ALL {
        assert!(signature::header(algo, text.as_bytes(), time, body).starts_with(&format!("t={time},v1=")));
    }
    let Ok(secret) = text.parse::<SigningSecret>() else {
        assert!(text.starts_with("whsec_"));
        return;
    };
    assert!(signature::standard(secret.standard_key(), "id", time, body).starts_with("v1,"));
    match text.strip_prefix("whsec_") {
        // Without padding, the encoded key is the beginning of the secret; its last character may have unused bits.
        Some(encoded) => {
            let key = STANDARD.encode(secret.standard_key());
            let (key, encoded) = (key.trim_end_matches('='), encoded.trim_end_matches('='));
            assert_eq!((key.len(), &key[..key.len() - 1]), (encoded.len(), &encoded[..encoded.len() - 1]));
        }
        None => assert_eq!(secret.standard_key(), text.as_bytes()),
    }
});
