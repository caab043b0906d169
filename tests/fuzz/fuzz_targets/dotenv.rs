//! `.env` files: parsing never fails with a panic, and an error has one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar::laravel::dotenv;

fuzz_target!(|text: &str| {
    let lookup = |name: &str| name.starts_with('A').then(|| "value".to_owned());
    match dotenv::parse(text, &lookup) {
        Ok(pairs) => assert!(pairs.iter().all(|(name, _)| !name.is_empty())),
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
});
