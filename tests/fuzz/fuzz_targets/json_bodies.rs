//! Every operation with a JSON body: the first byte selects it, the rest is the body. No body leads to a 500.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar_fuzz::{ADMIN, TOKEN, send};

const OPERATIONS: [&str; 9] = [
    "/api/v1/presence/heartbeat",
    "/api/v1/presence/heartbeats",
    "/api/v1/presence/online",
    "/api/v1/presence/offline",
    "/api/v1/presence/many",
    "/presence/heartbeat",
    "/api/v1/clients/register",
    "/api/v1/messages/publish",
    "/api/v1/messages/send",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let path = OPERATIONS[usize::from(*first) % OPERATIONS.len()];
    let head = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nX-Admin-Token: {ADMIN}\r\nContent-Type: application/json\r\n"
    );
    send(&head, body);
});
