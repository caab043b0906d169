//! What goes out in the commit that records it, through every store.

use std::time::Duration;

use presence_sidecar::presence::domain::{Change, Event, Outbox, OutboxQueue, Span, Timestamp};
use presence_sidecar::queue::{Disposition, JobState};

use super::stories::stories;
use super::teller::{START, Teller, after, beat, offline, subject};
use crate::support::{Engine, RedisServer, TestDatabase};

pub(super) const ALL: [Event; 3] = [Event::Online, Event::Away, Event::Offline];

/// Queues that want to know of these events and hold an offline for so long.
pub(super) fn outbox(queues: &[(&str, &[Event], Duration)]) -> Outbox {
    let queue = |(queue, events, debounce): &(&str, &[Event], Duration)| OutboxQueue {
        name: (*queue).to_owned(),
        events: events.to_vec(),
        debounce: *debounce,
    };
    Outbox { installation: uuid::Uuid::nil(), queues: queues.iter().map(queue).collect() }
}

/// What is pending in a queue: user and event.
pub(super) async fn pending(teller: &Teller, queue: &str) -> Vec<(String, Event)> {
    let listed = teller.queue.list(queue, JobState::Pending, None, 1_000).await.unwrap();
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

stories! {
    every_change_goes_out_once_to_each_queue_that_wants_it(
        teller,
        outbox(&[("all", &ALL, AT_ONCE), ("comings", &[Event::Online], AT_ONCE)])
    ) {
        teller.act(1, beat(true), START).await;
        teller.act(1, beat(true), after(10)).await;
        teller.sweep().step(after(500)).await.unwrap();
        assert_eq!(pending(&teller, "all").await, ALL.map(user));
        assert_eq!(pending(&teller, "comings").await, [user(Event::Online)]);
        assert_eq!(teller.changes().await.len(), 3);
    }

    a_commit_that_meets_a_conflict_sends_nothing_out(teller, outbox(&[("all", &ALL, AT_ONCE)])) {
        let late = teller.prepare(&subject(1), offline(), START).await;
        teller.act(1, beat(true), START).await;
        teller.store.commit(&[late], START).await.unwrap();
        assert_eq!(pending(&teller, "all").await, [user(Event::Online)]);
    }

    changes_of_one_user_are_one_lane(teller, outbox(&[("all", &ALL, AT_ONCE)])) {
        for user in [1, 2] {
            teller.act(user, beat(true), START).await;
            teller.act(user, offline(), after(1)).await;
        }
        let jobs = teller.queue.claim("all", 10, Duration::from_secs(60)).await.unwrap();
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            let change = Change::decode(&job.payload, &uuid::Uuid::nil()).unwrap();
            assert_eq!(change.event(), Event::Online);
            assert_eq!(job.lane, subject(change.user_id.to_string().parse().unwrap()).key.as_str());
            assert_eq!(job.id, change.id.to_string());
        }
    }

    who_is_back_while_the_offline_is_held_was_never_away(
        teller,
        outbox(&[("calm", &ALL, LATER), ("all", &ALL, AT_ONCE)])
    ) {
        teller.act(1, beat(true), START).await;
        settle_everything(&teller, "calm").await;
        teller.act(1, offline(), after(1)).await;
        teller.act(1, offline(), after(2)).await;
        assert_eq!(pending(&teller, "calm").await, [user(Event::Offline), user(Event::Offline)]);
        teller.act(1, beat(true), after(3)).await;
        assert_eq!(pending(&teller, "calm").await, []);
        assert_eq!(pending(&teller, "all").await.len(), 4);
        assert_eq!(teller.queue.depth("calm").await.unwrap().pending, 0);
    }

    who_is_back_otherwise_than_before_is_announced(teller, outbox(&[("calm", &ALL, LATER)])) {
        teller.act(1, beat(false), START).await;
        settle_everything(&teller, "calm").await;
        teller.act(1, offline(), after(1)).await;
        teller.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&teller, "calm").await, [user(Event::Online)]);
    }

    a_queue_that_wants_only_offlines_is_calm_too(teller, outbox(&[("calm", &[Event::Offline], LATER)])) {
        teller.act(1, beat(true), START).await;
        teller.act(1, offline(), after(1)).await;
        teller.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&teller, "calm").await, []);
    }

    an_offline_that_was_handed_out_is_not_taken_back(
        teller,
        outbox(&[("calm", &ALL, Duration::from_millis(1))])
    ) {
        teller.act(1, beat(true), START).await;
        settle_everything(&teller, "calm").await;
        teller.act(1, offline(), after(1)).await;
        while claimed(&teller, "calm").await == 0 {
            tokio::task::yield_now().await;
        }
        teller.act(1, beat(true), after(2)).await;
        assert_eq!(pending(&teller, "calm").await, [user(Event::Offline), user(Event::Online)]);
    }

    the_log_is_not_trimmed_over_what_is_pending(teller, outbox(&[("all", &ALL, AT_ONCE)])) {
        let now = teller.store.time().await.unwrap();
        teller.act(1, beat(true), now).await;
        let later = now.plus(Span::from_secs(86_400));
        trim(&teller, later).await;
        assert_eq!(teller.changes().await.len(), 1);
        settle_everything(&teller, "all").await;
        trim(&teller, later).await;
        assert_eq!(teller.changes().await.len(), 0);
    }
}

async fn trim(teller: &Teller, before: Timestamp) {
    teller.store.trim_changes(before).await.unwrap();
}

pub(super) async fn claimed(teller: &Teller, queue: &str) -> usize {
    teller.queue.claim(queue, 100, Duration::from_secs(60)).await.unwrap().len()
}

pub(super) async fn settle_everything(teller: &Teller, queue: &str) {
    loop {
        let jobs = teller.queue.claim(queue, 100, Duration::from_secs(60)).await.unwrap();
        if jobs.is_empty() {
            return;
        }
        let settlements: Vec<_> = jobs.into_iter().map(|job| job.settled(Disposition::Done)).collect();
        teller.queue.settle(queue, &settlements).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signs_of_life_go_out_where_they_are_wanted_do_not_pile_up_and_are_not_recorded() {
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
