//! The cause of each change, and the history of a user, on every store.

use presence_sidecar::presence::domain::{Cause, Change, Status};
use presence_sidecar::presence::store::MAX_HISTORY;
use presence_sidecar::storage::redis::RedisServers;
use serde_json::json;
use uuid::Uuid;

use super::harness::{START, StoreHarness, after, beat, end_of, in_session, offline, online, subject};
use super::stories::{Story, store_contract};
use crate::support::{Engine, RedisServer, TestDatabase};

/// The changes of a user, oldest first, as status and cause.
async fn causes(harness: &StoreHarness, user: i64) -> Vec<(Status, Option<Cause>)> {
    let mut changes = harness.store.history(&subject(user).key, MAX_HISTORY).await.unwrap();
    changes.reverse();
    changes.into_iter().map(|(_, change)| (change.status, change.cause)).collect()
}

store_contract! {
    each_change_has_the_cause_of_what_led_to_it(harness) {
        for (user, inputs, expected) in [
            (1, vec![beat(true), beat(false), beat(true)], vec![
                (Status::Online, Cause::Heartbeat), (Status::Away, Cause::Heartbeat), (Status::Online, Cause::Heartbeat),
            ]),
            (2, vec![online("[]"), online("[]")], vec![(Status::Online, Cause::Online), (Status::Online, Cause::Online)]),
            (3, vec![beat(true), offline()], vec![(Status::Online, Cause::Heartbeat), (Status::Offline, Cause::Offline)]),
            (4, vec![in_session("a", true), in_session("b", false), end_of("a"), end_of("b")], vec![
                (Status::Online, Cause::Heartbeat), (Status::Away, Cause::SessionEnd), (Status::Offline, Cause::SessionEnd),
            ]),
        ] {
            for input in inputs {
                harness.act(user, input, START).await;
            }
            let expected: Vec<_> = expected.into_iter().map(|(status, cause)| (status, Some(cause))).collect();
            assert_eq!(causes(&harness, user).await, expected, "user {user}");
        }
    }

    time_has_two_causes(harness) {
        harness.act(1, beat(true), START).await;
        harness.sweep().step(after(100)).await.unwrap();
        harness.sweep().step(after(130)).await.unwrap();
        let expected = [(Status::Online, Cause::Heartbeat), (Status::Away, Cause::AwayAfter), (Status::Offline, Cause::Ttl)];
        assert_eq!(causes(&harness, 1).await, expected.map(|(status, cause)| (status, Some(cause))));
    }

    history_has_the_newest_entries_of_one_user_and_their_cursors(harness) {
        for round in 0..120 {
            harness.act(1, online("[]"), after(round)).await;
            harness.act(2, online("[]"), after(round)).await;
        }
        let log = harness.changes().await;
        let own: Vec<_> = log.iter().rev().filter(|(_, change)| change.user_id.to_string() == "1").cloned().collect();
        let history = harness.store.history(&subject(1).key, 7).await.unwrap();
        for ((cursor, _), (stored, _)) in history.iter().zip(&own) {
            // A log of several shards has a position in each of them; the entry has the one in its own.
            assert!(cursor.tag.is_some());
            match stored.positions() {
                [_] => assert!(cursor.names(stored)),
                positions => assert!(positions.contains(&cursor.first())),
            }
        }
        let changes = |entries: &[(_, Change)]| entries.iter().map(|(_, change)| change.clone()).collect::<Vec<_>>();
        assert_eq!(changes(&history), changes(&own[..7]));
        let all = harness.store.history(&subject(1).key, 1_000).await.unwrap();
        assert_eq!(changes(&all), changes(&own[..MAX_HISTORY]));
        assert!(harness.store.history(&subject(3).key, 7).await.unwrap().is_empty());
    }

    history_leaves_out_entries_that_were_trimmed(harness) {
        harness.act(1, online("[]"), START).await;
        let now = harness.store.time().await.unwrap();
        let later = presence_sidecar::presence::domain::Timestamp::from_micros(now.micros() + 10_000_000);
        harness.store.trim_changes(later).await.unwrap();
        assert!(harness.store.history(&subject(1).key, 7).await.unwrap().is_empty());
    }
}

#[test]
fn change_without_cause_or_with_an_unknown_one_is_read() {
    let change = |cause: serde_json::Value| {
        let mut json = json!({
            "user_id": 1, "scope": {"tenant": null, "location": null, "domain": null, "guard": null}, "status": "online",
            "previous": "offline", "seq": 1, "occurred_at": 1, "meta": [],
        });
        if !cause.is_null() {
            json["cause"] = cause;
        }
        Change::decode(json.to_string().as_bytes(), &Uuid::nil()).unwrap()
    };
    assert_eq!(change(json!(null)).cause, None);
    assert_eq!(change(json!("of_the_future")).cause, None);
    for cause in Cause::ALL {
        let read = change(json!(cause.as_str()));
        assert_eq!(read.cause, Some(cause));
        assert_eq!(Change::decode(&read.encode(), &Uuid::nil()).unwrap().cause, Some(cause));
    }
}
