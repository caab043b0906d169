//! Every operation that takes a form: the first byte selects the operation and the type of the form, the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use presence_sidecar_fuzz::{ADMIN, TOKEN, send};

const OPERATIONS: [&str; 4] =
    ["/api/v1/clients/register", "/api/v1/messages/publish", "/api/v1/messages/send", "/api/v1/messages/ack"];

const TYPES: [&str; 3] = [
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "application/x-www-form-urlencoded; charset=x",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let first = usize::from(*first);
    let (path, kind) = (OPERATIONS[first % OPERATIONS.len()], TYPES[first / OPERATIONS.len() % TYPES.len()]);
    let head = format!(
        "POST {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nX-Admin-Token: {ADMIN}\r\nContent-Type: {kind}\r\n"
    );
    send(&head, body);
});
