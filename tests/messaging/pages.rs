//! Pages of several polls are read with one query: each gets its own messages.

use futures_util::future::join_all;
use presence_sidecar::messaging::domain::ClientId;
use presence_sidecar::messaging::store::{MAX_PAGES, PageRequest};
use serde_json::json;

use super::harness::{Device, Harness};
use crate::support::{ENGINES, Engine};

/// Registers clients; the first one gets one message, the second one two, and so on.
async fn clients_with_messages(harness: &Harness, count: usize) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for number in 0..count {
        devices.push(harness.register(&format!("client {number}")).await);
    }
    for round in 0..count {
        let to: Vec<&Device> = devices.iter().skip(round).collect();
        assert_eq!(harness.publish(&to, &format!("round {round}"), json!({"n": round})).await.status, 200);
    }
    devices
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_query_gets_its_own_page() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let devices = clients_with_messages(&harness, 5).await;
        let store = harness.store();
        let request = |device: &Device, after: i64, limit: i64| PageRequest {
            client: ClientId::parse(&device.id).unwrap(),
            after,
            limit,
        };
        let all = store.page(request(&devices[4], 0, 50)).await.unwrap();
        let kinds: Vec<&str> = all.iter().map(|message| message.kind.as_str()).collect();
        assert_eq!(kinds, ["round 0", "round 1", "round 2", "round 3", "round 4"], "{engine:?}");
        // Some requests are for the same client, from another id or with another limit.
        let requests = [
            request(&devices[4], 0, 50),
            request(&devices[4], all[2].id, 50),
            request(&devices[4], 0, 2),
            request(&devices[0], 0, 50),
            request(&devices[0], all[4].id, 50),
            PageRequest {
                client: ClientId::parse("00000000-0000-4000-8000-00000000ffff").unwrap(),
                after: 0,
                limit: 9,
            },
        ];
        for count in 1..=requests.len() {
            let mut sizes = Vec::new();
            for page in store.pages(&requests[..count]).await.unwrap() {
                let ids: Vec<i64> = store.complete(page).await.unwrap().iter().map(|message| message.id).collect();
                assert!(ids.is_sorted(), "{engine:?} {ids:?}");
                sizes.push(ids.len());
            }
            assert_eq!(sizes, [5, 2, 2, 1, 0, 0][..count], "{engine:?}");
        }
        let most = vec![request(&devices[1], 0, 50); MAX_PAGES];
        assert_eq!(store.pages(&most).await.unwrap().len(), MAX_PAGES, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_polls_get_the_messages_of_their_clients() {
    for engine in ENGINES {
        let harness = Harness::start(engine).await;
        let devices = clients_with_messages(&harness, 6).await;
        let polls = (0..60).map(|number| {
            let device = &devices[number % devices.len()];
            async move {
                let messages = device.messages("").await;
                let open = |message| device.open(message).map(|opened| opened["payload"]["n"].clone());
                let opened: Vec<_> = messages.iter().map(open).collect();
                (number % 6, opened)
            }
        });
        for (number, opened) in join_all(polls).await {
            let expected: Vec<_> = (0..=number).map(|round| Some(json!(round))).collect();
            assert_eq!(opened, expected, "{engine:?}: the client {number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_message_fails_the_polls_of_its_client_alone() {
    let harness = Harness::start(Engine::Sqlite).await;
    let devices = clients_with_messages(&harness, 4).await;
    harness.database.sql(&format!("UPDATE messages SET nonce = x'ff' WHERE to_client_id = '{}'", devices[0].id));
    let polls = (0..40).map(|number| {
        let device = &devices[number % 4];
        async move { (number % 4, device.poll("").await.status) }
    });
    for (number, status) in join_all(polls).await {
        assert_eq!(status == 200, number != 0, "the client {number}: {status}");
    }
}
