//! Commits that retract held jobs, and what may happen between the read of those jobs and the commit, in every store.

use std::time::Duration;

use presence_sidecar::presence::domain::{Change, Event, Status};
use presence_sidecar::presence::store::{Commit, Committed, StoredUser};
use presence_sidecar::queue::{Disposition, NewJob};
use presence_sidecar::storage::redis::RedisServers;

use super::harness::{START, StoreHarness, after, beat, offline, subject};
use super::outbox::{ALL, AT_ONCE, LATER, claimed, outbox, pending, user};
use super::stories::{Story, store_contract};
use crate::support::{Engine, RedisServer, TestDatabase};

/// Long enough to prepare a commit meanwhile, on a busy machine, too.
const SOON: Duration = Duration::from_secs(4);

/// Makes a user offline whose `offline` event is held, and prepares the commit of the return.
async fn prepare_return(harness: &StoreHarness, user: i64, retractions: usize) -> Commit {
    harness.act(user, beat(true), START).await;
    harness.act(user, offline(), after(1)).await;
    let commit = harness.prepare(&subject(user), beat(true), after(2)).await;
    assert_eq!(commit.outbox.retractions.len(), retractions, "they are held when the commit is prepared");
    commit
}

/// Asserts that nothing of a commit was written, and that it was refused with the current content of the store.
async fn assert_refused(harness: &StoreHarness, commit: &Commit, committed: &Committed) {
    let Committed::Conflict(known) = committed else { panic!("{committed:?}") };
    let StoredUser { version, state, .. } = known.as_ref();
    assert_eq!((*version, state.as_ref().unwrap().status), (commit.expected, Status::Offline));
    let users = harness.store.roster(&subject(1).scope.key(true), Status::Online, None, 10).await.unwrap();
    assert!(!users.contains(&commit.key));
    let loaded = harness.store.load(std::slice::from_ref(&commit.key), after(3)).await.unwrap().remove(0);
    assert_eq!((loaded.version, &loaded.state), (*version, state));
}

store_contract! {
    a_job_that_became_due_or_was_claimed_is_not_retracted(harness, outbox(&[("calm", &ALL, SOON)])) {
        let (due, claimed_later) = (prepare_return(&harness, 1, 1).await, prepare_return(&harness, 2, 1).await);
        let other = harness.prepare(&subject(3), beat(true), after(2)).await;
        tokio::time::sleep(SOON + Duration::from_millis(50)).await;
        let commits = [due, other];
        let committed = harness.store.commit(&commits, after(2)).await.unwrap();
        assert_refused(&harness, &commits[0], &committed[0]).await;
        assert_eq!(committed[1], Committed::Done, "the others are committed");
        // The heads of the lanes are the jobs of the first online.
        settle_heads(&harness).await;
        assert_eq!(claimed(&harness, "calm").await, 2);
        let commit = harness.store.commit(std::slice::from_ref(&claimed_later), after(2)).await.unwrap().remove(0);
        assert_refused(&harness, &claimed_later, &commit).await;
        assert_eq!(harness.log().await.len(), 5, "two users online and offline, one online");
        for returned in [1, 2] {
            harness.act(returned, beat(true), after(3)).await;
        }
        let events = pending(&harness, "calm").await;
        for returned in ["1", "2"] {
            let of_user: Vec<Event> =
                events.iter().filter(|(user, _)| user == returned).map(|(_, event)| *event).collect();
            assert_eq!(of_user, [Event::Offline, Event::Online]);
        }
    }

    of_two_replicas_that_retract_the_same_job_one_is_refused(harness, outbox(&[("calm", &ALL, LATER)])) {
        let one = prepare_return(&harness, 1, 1).await;
        let two = harness.prepare(&subject(1), beat(true), after(2)).await;
        assert_eq!(harness.store.commit(&[one], after(2)).await.unwrap(), [Committed::Done]);
        assert!(matches!(harness.store.commit(&[two], after(2)).await.unwrap()[0], Committed::Conflict(_)));
        harness.act(1, beat(true), after(3)).await;
        assert_eq!(pending(&harness, "calm").await, [user(Event::Online)]);
        let log: Vec<Status> = harness.log().await.into_iter().map(|(_, status)| status).collect();
        assert_eq!(log, [Status::Online, Status::Offline, Status::Online]);
    }

    a_job_with_another_behind_it_is_not_retracted(harness, outbox(&[("calm", &ALL, LATER)])) {
        let commit = prepare_return(&harness, 1, 1).await;
        let (_, entry) = harness.changes().await.remove(0);
        let replayed = Change { seq: entry.seq - 1, ..entry };
        let (payload, lane) = (replayed.encode(), commit.key.as_str());
        let job = NewJob { id: "replayed", lane, payload: &payload, delay: AT_ONCE };
        harness.queue.push("calm", &[job]).await.unwrap();
        let committed = harness.store.commit(std::slice::from_ref(&commit), after(2)).await.unwrap().remove(0);
        assert_refused(&harness, &commit, &committed).await;
        harness.act(1, beat(true), after(3)).await;
        let events = [Event::Online, Event::Online, Event::Offline, Event::Online];
        assert_eq!(pending(&harness, "calm").await, events.map(user));
    }

    retractions_from_several_queues_are_all_possible_or_none_is_made(
        harness,
        outbox(&[("long", &ALL, LATER), ("short", &ALL, SOON)])
    ) {
        let commit = prepare_return(&harness, 1, 2).await;
        tokio::time::sleep(SOON + Duration::from_millis(50)).await;
        let committed = harness.store.commit(std::slice::from_ref(&commit), after(2)).await.unwrap().remove(0);
        assert_refused(&harness, &commit, &committed).await;
        assert_eq!(pending(&harness, "long").await, [user(Event::Online), user(Event::Offline)]);
        harness.act(1, beat(true), after(3)).await;
        assert_eq!(pending(&harness, "long").await, [user(Event::Online)]);
        assert_eq!(pending(&harness, "short").await, [Event::Online, Event::Offline, Event::Online].map(user));
    }

    held_jobs_are_read_in_the_order_of_their_lanes(
        harness,
        outbox(&[("all", &ALL, AT_ONCE), ("calm", &ALL, LATER), ("calmer", &[Event::Offline], LATER)])
    ) {
        harness.act(1, offline(), START).await;
        harness.act(1, offline(), after(1)).await;
        harness.act(2, beat(true), START).await;
        harness.act(3, beat(true), START).await;
        harness.act(3, offline(), after(1)).await;
        let held = harness.store.held(&[2, 1, 3].map(|user| subject(user).key)).await.unwrap();
        let log = harness.changes().await;
        let of_user = |user: &'static str| {
            let changes = log.iter().map(|(_, change)| change.clone());
            changes.filter(move |change| change.user_id.to_string() == user && change.status == Status::Offline)
        };
        let expected = |user| [1, 2].into_iter().flat_map(move |queue| of_user(user).map(move |change| (queue, change)));
        for (user, held) in [("1", &held[1]), ("3", &held[2])] {
            let found: Vec<(usize, Change)> =
                held.iter().map(|job| (job.queue, job.change.clone().unwrap())).collect();
            assert_eq!(found, expected(user).collect::<Vec<_>>());
            assert!(held.iter().all(|job| job.id == job.change.as_ref().unwrap().id.to_string()));
        }
        assert_eq!(held[0], []);
        assert_eq!(harness.store.held(&[]).await.unwrap(), Vec::<Vec<_>>::new());
    }
}

/// Settles the first job of each lane, and no other.
async fn settle_heads(harness: &StoreHarness) {
    let jobs = harness.queue.claim("calm", 100, Duration::from_secs(60)).await.unwrap();
    let settlements: Vec<_> = jobs.into_iter().map(|job| job.into_settlement(Disposition::Done)).collect();
    harness.queue.settle("calm", &settlements).await.unwrap();
}
