//! The outbox in every store: what a commit pushes and retracts.

use std::time::Duration;

use presence_sidecar::presence::domain::{Change, Event, Outbox, OutboxQueue, Span, Timestamp};
use presence_sidecar::queue::{Disposition, JobState};
use presence_sidecar::storage::redis::RedisServers;

use super::harness::{START, StoreHarness, after, beat, offline, subject};
use super::stories::{Story, store_contract};
use crate::support::{Engine, RedisServer, TestDatabase};

pub(super) const ALL: [Event; 3] = [Event::Online, Event::Away, Event::Offline];

/// Queues that receive these events, with their debounce times.
pub(super) fn outbox(queues: &[(&str, &[Event], Duration)]) -> Outbox {
    let queue = |(queue, events, debounce): &(&str, &[Event], Duration)| OutboxQueue {
        name: (*queue).to_owned(),
        events: events.to_vec(),
        debounce: *debounce,
    };
    Outbox { installation: uuid::Uuid::nil(), queues: queues.iter().map(queue).collect() }
}

/// The pending jobs of a queue: user and event.
pub(super) async fn pending(harness: &StoreHarness, queue: &str) -> Vec<(String, Event)> {
    let listed = harness.queue.list(queue, JobState::Pending, None, 1_000).await.unwrap();
    let change = |payload: &[u8]| serde_json::from_slice::<Change>(payload).unwrap();
    let mut changes: Vec<Change> = listed.iter().map(|job| change(&job.payload)).collect();
    changes.sort_by_key(|change| change.seq);
    changes.iter().map(|change| (change.user_id.to_string(), change.event())).collect()
}

pub(super) const AT_ONCE: Duration = Duration::ZERO;
pub(super) const LATER: Duration = Duration::from_secs(3600);

pub(super) fn user(event: Event) -> (String, Event) {
    ("1".to_owned(), event)
}

store_contract! {
    change_is_pushed_once_to_each_queue_that_receives_it(
        harness,
        outbox(&[("all", &ALL, AT_ONCE), ("comings", &[Event::Online], AT_ONCE)])
    ) {
        harness.act(1, beat(true), START).await;
        harness.act(1, beat(true), after(10)).await;
        harness.sweep().step(after(500)).await.unwrap();
        assert_eq!(pending(&harness, "all").await, ALL.map(user));
        assert_eq!(pending(&harness, "comings").await, [user(Event::Online)]);
        assert_eq!(harness.changes().await.len(), 3);
    }

    refused_commit_pushes_nothing(harness, outbox(&[("all", &ALL, AT_ONCE)])) {
        let late = harness.prepare(&subject(1), offline(), START).await;
        harness.act(1, beat(true), START).await;
        harness.store.commit(&[late], START).await.unwrap();
        assert_eq!(pending(&harness, "all").await, [user(Event::Online)]);
    }

    changes_of_one_user_share_a_lane(harness, outbox(&[("all", &ALL, AT_ONCE)])) {
        for user in [1, 2] {
            harness.act(user, beat(true), START).await;
            harness.act(user, offline(), after(1)).await;
        }
        let jobs = harness.queue.claim("all", 10, Duration::from_secs(60)).await.unwrap();
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            let change = Change::decode(&job.payload, &uuid::Uuid::nil()).unwrap();
            assert_eq!(change.event(), Event::Online);
            assert_eq!(job.lane, subject(change.user_id.to_string().parse().unwrap()).key.as_str());
            assert_eq!(job.id, change.id.to_string());
        }
    }

    return_to_the_same_status_retracts_the_held_offlines(
        harness,
        outbox(&[("calm", &ALL, LATER), ("all", &ALL, AT_ONCE)])
    ) {
        harness.act(1, beat(true), START).await;
        settle_everything(&harness, "calm").await;
        harness.act(1, offline(), after(1)).await;
        harness.act(1, offline(), after(2)).await;
        assert_eq!(pending(&harness, "calm").await, [user(Event::Offline), user(Event::Offline)]);
        harness.act(1, beat(true), after(3)).await;
        assert_eq!(pending(&harness, "calm").await, []);
        assert_eq!(pending(&harness, "all").await.len(), 4);
        assert_eq!(harness.queue.stats("calm").await.unwrap().pending, 0);
    }

    return_to_another_status_is_pushed(harness, outbox(&[("calm", &ALL, LATER)])) {
        harness.act(1, beat(false), START).await;
        settle_everything(&harness, "calm").await;
        harness.act(1, offline(), after(1)).await;
        harness.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&harness, "calm").await, [user(Event::Online)]);
    }

    queue_that_receives_only_offlines_is_debounced(harness, outbox(&[("calm", &[Event::Offline], LATER)])) {
        harness.act(1, beat(true), START).await;
        harness.act(1, offline(), after(1)).await;
        harness.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&harness, "calm").await, []);
    }

    claimed_offline_is_not_retracted(
        harness,
        outbox(&[("calm", &ALL, Duration::from_millis(1))])
    ) {
        harness.act(1, beat(true), START).await;
        settle_everything(&harness, "calm").await;
        harness.act(1, offline(), after(1)).await;
        while claimed(&harness, "calm").await == 0 {
            tokio::task::yield_now().await;
        }
        harness.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&harness, "calm").await, [user(Event::Offline), user(Event::Online)]);
    }

    change_log_is_not_trimmed_past_pending_jobs(harness, outbox(&[("all", &ALL, AT_ONCE)])) {
        let now = harness.store.time().await.unwrap();
        harness.act(1, beat(true), now).await;
        let later = now.plus(Span::from_secs(86_400));
        trim(&harness, later).await;
        assert_eq!(harness.changes().await.len(), 1);
        settle_everything(&harness, "all").await;
        trim(&harness, later).await;
        assert_eq!(harness.changes().await.len(), 0);
    }
}

async fn trim(harness: &StoreHarness, before: Timestamp) {
    harness.store.trim_changes(before).await.unwrap();
}

pub(super) async fn claimed(harness: &StoreHarness, queue: &str) -> usize {
    harness.queue.claim(queue, 100, Duration::from_secs(60)).await.unwrap().len()
}

pub(super) async fn settle_everything(harness: &StoreHarness, queue: &str) {
    loop {
        let jobs = harness.queue.claim(queue, 100, Duration::from_secs(60)).await.unwrap();
        if jobs.is_empty() {
            return;
        }
        let settlements: Vec<_> = jobs.into_iter().map(|job| job.into_settlement(Disposition::Done)).collect();
        harness.queue.settle(queue, &settlements).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_events_are_pushed_into_empty_lanes_and_are_not_recorded() {
    require!("redis-server");
    use crate::support::{Receiver, Sidecar, on_database, on_redis};
    let (redis, sqlite) = (RedisServer::start(), TestDatabase::create(Engine::Sqlite));
    for mut environment in [Vec::new(), on_redis(&redis), on_database(&sqlite)] {
        let port = crate::support::free_port();
        environment.extend([
            ("PRESENCE_DRIVER", "webhook".to_owned()),
            ("PRESENCE_WEBHOOK_URL", format!("http://127.0.0.1:{port}/")),
            ("PRESENCE_WEBHOOK_SECRET", "secret".to_owned()),
            ("PRESENCE__WEBHOOK__SEND_ON__HEARTBEAT", "true".to_owned()),
            ("PRESENCE__WEBHOOK__SCHEDULE", "1s,1s,1s".to_owned()),
        ]);
        let sidecar = Sidecar::with(&environment).await;
        for _ in 0..3 {
            sidecar.client.heartbeat(1).await;
        }
        let receiver = Receiver::on(port, None, |_| crate::support::Reaction::Answer(204, "")).await;
        receiver.wait_for(1).await;
        while !sidecar.client.get("/api/v1/webhooks/deliveries").await.json["data"].as_array().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sidecar.client.heartbeat(1).await;
        let posts = receiver.wait_for(2).await;
        let events: Vec<_> = posts.iter().map(|post| post.json()["event"].clone()).collect();
        assert_eq!(events, ["online", "heartbeat"]);
        assert_eq!(sidecar.client.changes().await.len(), 1);
    }
}
