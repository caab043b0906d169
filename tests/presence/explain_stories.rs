//! Why a user has a status: the same stories on every store, each with its cause and what would change it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use presence_sidecar::presence::domain::identity::{Meta, Scope, Subject};
use presence_sidecar::presence::domain::{Event, Input, Outbox, OutboxQueue, Record, RecordWrite, Timestamp};
use presence_sidecar::presence::service::clock::Clock;
use presence_sidecar::presence::service::explain::{ExplainedUser, Explainer};
use presence_sidecar::presence::store::Committed;
use presence_sidecar::storage::redis::RedisServers;

use super::harness::{START, StoreHarness, after, beat, end_of, in_session, offline, online, subject};
use super::stories::{Story, store_contract};
use crate::support::{Engine, RedisServer, TestDatabase};

const COMES_ONLINE: &str = "A heartbeat of any session, or online(), puts the user online";
const BECOMES_ACTIVE: &str = "A heartbeat of an active session puts the user online";

/// A queue of webhooks, so that deliveries wait.
fn outbox() -> Outbox {
    let events = vec![Event::Online, Event::Away, Event::Offline];
    let queue = OutboxQueue { name: "default".to_owned(), events, debounce: Duration::ZERO };
    Outbox { installation: uuid::Uuid::nil(), queues: vec![queue] }
}

async fn explain(harness: &StoreHarness, subject: &Subject, now: Timestamp) -> ExplainedUser {
    let explainer = Explainer {
        store: harness.store.clone(),
        queue: harness.queue.clone(),
        outbox: Arc::new(ArcSwap::new(harness.outbox.clone())),
        clock: Arc::new(Clock::new()),
        windows: harness.windows,
    };
    explainer.explain_at(&subject.key, now).await.unwrap()
}

/// Checks status, reason, and what would change it.
async fn tells(harness: &StoreHarness, user: i64, now: Timestamp, (status, reason, remedy): (&str, &str, &str)) {
    let explained = explain(harness, &subject(user), now).await.explanation;
    assert_eq!(explained.status.as_str(), status, "user {user}: {explained:?}");
    assert!(explained.reasons.join(" ").contains(reason), "user {user}, {reason:?}: {explained:?}");
    assert!(explained.remedies.join(" ").contains(remedy), "user {user}, {remedy:?}: {explained:?}");
}

/// What the app does with the Laravel record, past the sidecar.
async fn app_writes(harness: &StoreHarness, user: i64, record: RecordWrite, now: Timestamp) {
    let mut commit = harness.prepare(&subject(user), Input::Tick, now).await;
    commit.decision.record = record;
    assert_eq!(harness.store.commit(&[commit], now).await.unwrap(), [Committed::Done]);
}

fn record(last_seen: Timestamp) -> RecordWrite {
    RecordWrite::Put(Record { last_seen, idle: false, meta: Meta::default() }, 120)
}

store_contract! {
    heartbeats_and_calls_are_told(harness, outbox()) {
        for (user, inputs, expected) in [
            (1, vec![beat(true)], ("online", "A heartbeat of an active session came at", "Without a heartbeat the user is away at")),
            (2, vec![beat(true), beat(false)], ("away", "its pages are hidden or idle", BECOMES_ACTIVE)),
            (3, vec![online("[]"), online("[]")], ("online", "An explicit call of online()", "offline() ends the presence at once")),
            // Logged out on another device: all sessions end.
            (4, vec![in_session("here", true), in_session("there", true), offline()],
                ("offline", "ended all sessions, as a logout does", COMES_ONLINE)),
            (5, vec![in_session("page", true), end_of("page")], ("offline", "its page was closed", COMES_ONLINE)),
            (6, vec![in_session("shown", true), in_session("hidden", false), end_of("shown")],
                ("away", "other sessions are there, but not active", BECOMES_ACTIVE)),
        ] {
            for input in inputs {
                harness.act(user, input, START).await;
            }
            tells(&harness, user, after(1), expected).await;
        }
    }

    time_is_told_before_and_after_the_sweep(harness, outbox()) {
        // A closed laptop: no farewell, no further heartbeat.
        harness.act(1, beat(true), START).await;
        let not_yet = "Time has passed since the status online was recorded; the sweep records it";
        tells(&harness, 1, after(95), ("away", not_yet, BECOMES_ACTIVE)).await;
        harness.sweep().step(after(100)).await.unwrap();
        let away = ("away", "for 90 s (cache.away_after_seconds)", "Without a heartbeat the user is offline at");
        tells(&harness, 1, after(101), away).await;
        harness.sweep().step(after(130)).await.unwrap();
        tells(&harness, 1, after(131), ("offline", "the device sleeps or has no network", COMES_ONLINE)).await;
        // Longer ago than the sidecar remembers; the log may still tell it.
        harness.sweep().step(after(90_000)).await.unwrap();
        app_writes(&harness, 1, RecordWrite::Forget, after(90_000)).await;
        tells(&harness, 1, after(90_001), ("offline", "o heartbeat came for", COMES_ONLINE)).await;
    }

    what_the_app_does_with_the_record_is_told(harness, outbox()) {
        // Cache::forget(), or cache:clear, of a user who is online: before the sidecar notices, and then.
        harness.act(1, beat(true), START).await;
        app_writes(&harness, 1, RecordWrite::Forget, after(1)).await;
        tells(&harness, 1, after(2), ("offline", "was removed before its time, as Cache::forget() does", COMES_ONLINE)).await;
        harness.act(1, end_of("none"), after(3)).await;
        tells(&harness, 1, after(4), ("offline", "The app removed the Laravel record before its time", COMES_ONLINE)).await;
        // A heartbeat of PHP for a user the sidecar does not know, and for one who was offline.
        app_writes(&harness, 2, record(after(1)), after(1)).await;
        tells(&harness, 2, after(2), ("online", "the sidecar adopts it with the next call", "offline() ends")).await;
        harness.act(3, beat(true), START).await;
        harness.act(3, offline(), after(1)).await;
        app_writes(&harness, 3, record(after(10)), after(10)).await;
        harness.act(3, end_of("none"), after(11)).await;
        tells(&harness, 3, after(12), ("online", "The app itself wrote a newer Laravel record", "offline() ends")).await;
    }

    another_tenant_and_another_prefix_are_hinted_at(harness, outbox()) {
        harness.act(1, beat(true), START).await;
        let scope = Scope { tenant: Some(serde_json::from_value(serde_json::json!("other")).unwrap()), ..Scope::default() };
        let other = Subject::new(1.into(), scope, true);
        let explained = explain(&harness, &other, after(1)).await.explanation;
        let reasons = explained.reasons.join(" ");
        assert!(reasons.contains("Nothing is known under the key presence|other|guard:web|user:1"), "{reasons}");
        assert!(reasons.contains("Compare tenant, location, domain and guard, and the prefixes of Redis and cache"), "{reasons}");
    }

    clock_that_was_set_back_is_told(harness, outbox()) {
        harness.act(1, beat(true), after(3_600)).await;
        let expected = ("offline", "The clock of the store was set back: the last change is dated", COMES_ONLINE);
        tells(&harness, 1, START, expected).await;
        harness.act(1, beat(true), START).await;
        harness.sweep().step(after(100)).await.unwrap();
        let known = explain(&harness, &subject(1), after(101)).await;
        assert_eq!(known.explanation.status.as_str(), "away", "{known:?}");
    }

    webhooks_that_wait_are_counted(harness, outbox()) {
        harness.act(1, beat(true), START).await;
        harness.act(1, offline(), after(1)).await;
        harness.act(2, beat(true), START).await;
        let explained = explain(&harness, &subject(1), after(2)).await;
        let [waiting] = &explained.waiting[..] else { panic!("{explained:?}") };
        assert_eq!((waiting.queue.as_str(), waiting.count, waiting.first.attempts.count), ("default", 2, 0));
        assert!(explain(&harness, &subject(3), after(2)).await.waiting.is_empty());
    }

    status_whose_entry_was_trimmed_is_told(harness, Outbox::default()) {
        harness.act(1, beat(true), START).await;
        let now = harness.store.time().await.unwrap();
        harness.store.trim_changes(Timestamp::from_micros(now.micros() + 10_000_000)).await.unwrap();
        tells(&harness, 1, after(1), ("online", "the change log no longer has the entry", "Without a heartbeat")).await;
    }
}
