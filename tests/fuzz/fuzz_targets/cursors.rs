//! Every cursor in a query: the first byte selects the operation, the rest is the cursor, percent-encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar_fuzz::{OPERATOR, TOKEN, send};

const OPERATIONS: [&str; 8] = [
    "/api/v1/presence/changes?after=",
    "/api/v1/presence/changes?limit=",
    "/api/v1/presence/snapshot?page=",
    "/api/v1/presence/roster?cursor=",
    "/api/v1/presence/status/",
    "/api/v1/messages/poll?cursor=",
    "/api/v1/operators/clients?limit=10&cursor=",
    "/api/v1/operators/clients/11111111-1111-4111-8111-111111111111/messages?cursor=",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, cursor)) = bytes.split_first() else { return };
    // A head has at most some kilobytes.
    let cursor = &cursor[..cursor.len().min(2_000)];
    let path = OPERATIONS[usize::from(*first) % OPERATIONS.len()];
    let encode = |byte: &u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    let cursor: String = cursor.iter().map(encode).collect();
    let head =
        format!("GET {path}{cursor} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nX-Operator-Token: {OPERATOR}\r\n");
    send(&head, b"");
});
