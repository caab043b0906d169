//! Every value that parses is serialized in a form that parses to the same value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar::php::json::{Slashes, encode_lossy};
use presence_sidecar::php::serialize::{serialize, unserialize};

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = unserialize(bytes) else { return };
    let written = serialize(&value);
    match unserialize(&written) {
        // Compared as bytes, because NaN is not equal to itself.
        Ok(again) => assert_eq!(serialize(&again), written),
        // References may make the serialized value larger than the limit of the parser.
        Err(error) => assert!(written.len() > bytes.len(), "{error}"),
    }
    let _ = encode_lossy(&value, Slashes::Escaped);
    let _ = serde_json::to_string(&value);
});
