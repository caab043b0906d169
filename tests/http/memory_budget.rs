//! The memory budget: its limits, and the release of what was reserved.

use std::sync::Arc;

use bytes::Bytes;
use presence_sidecar::http::address::AddressKey;
use presence_sidecar::http::budget::{Account, MemoryBudget, OverBudget};
use serde_json::json;

use crate::support::Sidecar;

fn of(address: &str) -> Account {
    Account::Untrusted(AddressKey::limited(address.parse().unwrap()))
}

#[test]
fn untrusted_callers_use_half_and_one_address_its_share() {
    let budget = Arc::new(MemoryBudget::new(1_000, 200));
    let first = budget.reserve(of("203.0.113.1"), 200).unwrap();
    assert_eq!(budget.reserve(of("203.0.113.1"), 1).err(), Some(OverBudget), "its share is used up");
    let second = budget.reserve(of("2001:db8::1"), 150).unwrap();
    assert_eq!(budget.reserve(of("2001:db8::2"), 51).err(), Some(OverBudget), "the same network");
    let local = budget.reserve(of("127.0.0.1"), 150).unwrap();
    assert_eq!(budget.reserve(of("203.0.113.2"), 1).err(), Some(OverBudget), "half of the budget is used up");
    let trusted = budget.reserve(Account::Trusted, 500).unwrap();
    assert_eq!(budget.reserve(Account::Trusted, 1).err(), Some(OverBudget), "all of the budget is used up");
    assert_eq!(budget.used(), 1_000);
    let monitoring = budget.reserve(Account::Monitoring, 62).unwrap();
    assert_eq!(budget.reserve(Account::Monitoring, 1).err(), Some(OverBudget), "a sixteenth on top is for monitoring");
    drop((first, trusted, monitoring));
    assert!(budget.reserve(of("203.0.113.1"), 200).is_ok(), "what was released can be used again");
    drop((second, local));
    assert_eq!(budget.used(), 0);
}

#[test]
fn reservation_grows_and_ends_with_its_bytes() {
    let budget = Arc::new(MemoryBudget::new(1_000, 1_000));
    let mut reservation = budget.reserve(Account::Trusted, 100).unwrap();
    reservation.grow_to(300).unwrap();
    reservation.grow_to(200).unwrap();
    reservation.add(100).unwrap();
    assert_eq!(budget.used(), 400);
    assert_eq!(reservation.grow_to(1_001), Err(OverBudget));
    assert_eq!(budget.used(), 400, "a reservation that fails to grow stays as it was");
    let bytes = reservation.attach(Bytes::from_static(b"a response"));
    let part = bytes.slice(2..);
    drop(bytes);
    assert_eq!((budget.used(), &part[..]), (400, &b"response"[..]));
    drop(part);
    assert_eq!(budget.used(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_response_says_its_length() {
    let sidecar = Sidecar::start().await;
    let ids: Vec<i64> = (0..900).collect();
    let answer = sidecar.client.post("/api/v1/presence/many", json!({"user_ids": ids})).await;
    assert!(answer.text.len() > 64 * 1024, "{}", answer.text.len());
    assert_eq!(answer.headers["content-length"], answer.text.len().to_string().as_str());
    assert!(!answer.headers.contains_key("transfer-encoding"));
}
