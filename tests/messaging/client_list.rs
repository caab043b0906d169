//! The list of all clients, which is sent in parts if it is long.

use serde_json::Value;

use super::harness::Harness;
use crate::support::{ENGINES, Engine};

/// Inserts clients of these numbers; those with greater numbers are older, and have the smaller ids.
fn insert(harness: &Harness, numbers: std::ops::Range<usize>) {
    let cast = if harness.database.engine == Engine::Postgres { "::uuid" } else { "" };
    for numbers in numbers.collect::<Vec<_>>().chunks(300) {
        let row = |number: &usize| {
            let at = format!("2026-01-01 00:{:02}:{:02}", (2_000 - number) / 60, (2_000 - number) % 60);
            let id = format!("'00000000-0000-4000-8000-{:012}'{cast}", 9_999 - number);
            format!("({id}, 'f{number}', 'name {number}', 'h', 'k', '{at}')")
        };
        let rows: Vec<String> = numbers.iter().map(row).collect();
        harness.database.sql(&format!(
            "INSERT INTO clients (id, fingerprint, name, api_token_hash, encryption_key_encrypted, created_at) VALUES {}",
            rows.join(", ")
        ));
    }
}

async fn names(harness: &Harness) -> Vec<String> {
    let answer = harness.get_as_operator("/clients").await;
    assert_eq!(answer.status, 200);
    let list: Value = serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{error}: {}", answer.text));
    let clients = list["clients"].as_array().unwrap();
    clients.iter().map(|client| client["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_any_length_has_each_client_once_oldest_first() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let mut inserted = 0;
        // Around the length of a part, and of two.
        for count in [511, 512, 513, 1_024, 1_025] {
            insert(&harness, inserted..count);
            inserted = count;
            let expected: Vec<String> = (0..count).rev().map(|number| format!("name {number}")).collect();
            let listed = names(&harness).await;
            assert!(listed == expected, "{engine:?}: {count} clients: {}, from {:?}", listed.len(), listed.first());
        }
    }
}
