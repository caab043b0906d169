//! Batches of events within the limits of a server. Pure.

use crate::config::{BroadcastKind, BroadcastServer};

/// Allowance for the head of a request: path, signature and header lines.
const HEAD_BYTES: usize = 1_000;
/// Bytes of a body around its items.
const FRAME_BYTES: usize = 12;
/// Most items of a batch that Pusher accepts.
const PUSHER_ITEMS: usize = 10;

/// The limits of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most bytes of all items together, with a comma between them.
    pub bytes: usize,
    /// Most items.
    pub items: usize,
}

impl BatchLimits {
    /// The limits of a server.
    pub fn of(server: &BroadcastServer) -> Self {
        let items = match server.kind {
            BroadcastKind::Reverb => usize::MAX,
            BroadcastKind::Pusher => PUSHER_ITEMS,
        };
        Self { bytes: server.max_bytes.saturating_sub(HEAD_BYTES + FRAME_BYTES), items }
    }
}

/// The items of one change, which stay together in a request if they fit.
pub trait BatchEntry {
    /// The items.
    fn items(&self) -> &[String];

    /// Whether the entry needs a request of its own, because the server refused it in a batch with others.
    fn is_alone(&self) -> bool;
}

/// Divides `entries` into batches within `limits`, in their order. An entry that exceeds the limits by itself gets a batch
/// of its own, whose items need several [requests].
pub fn split<E: BatchEntry>(entries: Vec<E>, limits: BatchLimits) -> Vec<Vec<E>> {
    let mut batches: Vec<Vec<E>> = Vec::new();
    let (mut bytes, mut items, mut is_open) = (0, 0, false);
    for entry in entries {
        let size: usize = entry.items().iter().map(|item| item.len() + 1).sum();
        let fits = bytes + size <= limits.bytes && items + entry.items().len() <= limits.items;
        let is_alone = entry.is_alone();
        match batches.last_mut().filter(|_| is_open && fits && !is_alone) {
            Some(batch) => {
                bytes += size;
                items += entry.items().len();
                batch.push(entry);
            }
            None => {
                (bytes, items, is_open) = (size, entry.items().len(), !is_alone);
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Divides the items of a batch into requests within `limits`, in their order. An item that exceeds the limits by itself
/// gets a request of its own, which the server refuses.
pub fn requests<'a>(items: impl Iterator<Item = &'a String>, limits: BatchLimits) -> Vec<Vec<&'a String>> {
    let mut requests: Vec<Vec<&String>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let size = item.len() + 1;
        match requests.last_mut().filter(|request| bytes + size <= limits.bytes && request.len() < limits.items) {
            Some(request) => {
                bytes += size;
                request.push(item);
            }
            None => {
                bytes = size;
                requests.push(vec![item]);
            }
        }
    }
    requests
}

/// The body of a request with these items.
pub fn body(items: &[&String]) -> Vec<u8> {
    let mut body = String::from("{\"batch\":[");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(item);
    }
    body.push_str("]}");
    body.into_bytes()
}
