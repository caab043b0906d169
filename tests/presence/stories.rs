//! The same stories through every store.

use presence_sidecar::presence::domain::{Input, Status};
use presence_sidecar::presence::store::{ChangeCursor, Changes, Committed, Counts};

use super::teller::{START, Teller, after, beat, offline, subject};
use crate::support::{Engine, RedisServer, TestDatabase};

/// Tells stories to every store: in memory, and on real servers; with changes going out to `$outbox`, if there are any.
/// Those on a database server are told in one test, so that it is started once.
macro_rules! stories {
    ($($name:ident($teller:ident) $story:block)*) => {
        stories! { $($name($teller, presence_sidecar::presence::domain::Outbox::default()) $story)* }
    };
    ($($name:ident($teller:ident, $outbox:expr) $story:block)*) => {
        mod array {
            use super::*;
            $(#[tokio::test] async fn $name() { let $teller = Teller::array_into($outbox); $story })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let server = RedisServer::start();
                let $teller = Teller::redis_into(&server, $outbox);
                $story
            })*
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let database = TestDatabase::create(Engine::Sqlite);
                let $teller = Teller::sql_into(&database, $outbox).await;
                $story
            })*
        }
        mod servers {
            use super::*;
            async fn tell(engine: Engine) {
                let _running = TestDatabase::create(engine);
                $({
                    println!("{}", stringify!($name));
                    let database = TestDatabase::create(engine);
                    let $teller = Teller::sql_into(&database, $outbox).await;
                    $story
                })*
            }
            #[tokio::test] async fn every_story_on_mariadb() { tell(Engine::MariaDb).await; }
            #[tokio::test] async fn every_story_on_postgres() { tell(Engine::Postgres).await; }
        }
    };
}
pub(super) use stories;

stories! {
    what_is_committed_is_loaded_again(teller) {
        teller.act(1, beat(true), START).await;
        let known = teller.store.load(&[subject(2).key, subject(1).key], after(1)).await.unwrap();
        assert_eq!(known[0].state, None);
        let state = known[1].state.as_ref().unwrap();
        assert_eq!((state.status, state.version, state.seen()), (Status::Online, known[1].version, Some(START)));
        assert_eq!(teller.view(1, after(1)).await.status, Status::Online);
    }

    a_commit_on_an_old_version_changes_nothing_and_is_told_what_is_there(teller) {
        let late = teller.prepare(&subject(1), offline(), START).await;
        teller.act(1, beat(true), START).await;
        let log = teller.log().await;
        let Committed::Conflict(current) = teller.store.commit(&[late], START).await.unwrap().remove(0) else {
            panic!("the version was another");
        };
        assert_eq!(current.state.map(|state| state.status), Some(Status::Online));
        assert_eq!(teller.log().await, log);
        assert_eq!(teller.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 0 });
    }

    of_many_commits_in_one_call_each_stands_alone(teller) {
        let stale = teller.prepare(&subject(1), beat(true), START).await;
        teller.act(1, beat(true), START).await;
        let fresh = teller.prepare(&subject(2), beat(false), START).await;
        let answers = teller.store.commit(&[stale, fresh], START).await.unwrap();
        assert!(matches!(answers[0], Committed::Conflict(_)));
        assert_eq!(answers[1], Committed::Done);
        assert_eq!(teller.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 1 });
    }

    rosters_and_counts_follow_the_transitions(teller) {
        for user in [3, 1, 2] {
            teller.act(user, beat(true), START).await;
        }
        teller.act(2, beat(false), after(1)).await;
        teller.act(3, offline(), after(2)).await;
        let online = teller.store.roster(&scope(), Status::Online, None, 10).await.unwrap();
        let away = teller.store.roster(&scope(), Status::Away, None, 10).await.unwrap();
        assert_eq!(online, [subject(1).key]);
        assert_eq!(away, [subject(2).key]);
        assert_eq!(teller.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 1 });
    }

    a_roster_is_paged_in_the_order_of_its_members(teller) {
        for user in [30, 1, 200] {
            teller.act(user, beat(true), START).await;
        }
        let first = teller.store.roster(&scope(), Status::Online, None, 2).await.unwrap();
        assert_eq!(first, [subject(1).key, subject(200).key]);
        let rest = teller.store.roster(&scope(), Status::Online, Some(first[1].member()), 2).await.unwrap();
        assert_eq!(rest, [subject(30).key]);
    }

    time_alone_makes_a_user_away_and_then_offline(teller) {
        teller.act(1, beat(true), START).await;
        let sweep = teller.sweep();
        assert_eq!(sweep.step(after(89)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(90)).await.unwrap().changes, 1);
        assert_eq!(sweep.step(after(119)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(120)).await.unwrap().changes, 1);
        let log: Vec<_> = teller.log().await.into_iter().map(|(_, status)| status).collect();
        assert_eq!(log, [Status::Online, Status::Away, Status::Offline]);
        assert_eq!(teller.store.counts(&scope()).await.unwrap(), Counts::default());
        assert_eq!(teller.view(1, after(121)).await.last_online, Some(START));
    }

    a_user_who_keeps_beating_is_looked_at_and_left_alone(teller) {
        for second in (0..=270).step_by(30) {
            teller.act(1, beat(true), after(second)).await;
        }
        let swept = teller.sweep().step(after(271)).await.unwrap();
        assert_eq!((swept.due, swept.changes), (1, 0));
        assert_eq!(teller.sweep().step(after(272)).await.unwrap().due, 0);
        assert_eq!(teller.sweep().step(after(360)).await.unwrap().changes, 1);
    }

    a_sweep_that_comes_late_records_both_boundaries(teller) {
        teller.act(1, beat(true), START).await;
        teller.sweep().step(after(500)).await.unwrap();
        let changes = teller.changes().await;
        let times: Vec<_> = changes.iter().map(|(_, change)| (change.status, change.occurred_at)).collect();
        assert_eq!(times, [(Status::Online, START), (Status::Away, after(90)), (Status::Offline, after(120))]);
    }

    a_user_long_gone_is_forgotten(teller) {
        teller.act(1, beat(true), START).await;
        let sweep = teller.sweep();
        sweep.step(after(120)).await.unwrap();
        assert_eq!(sweep.step(after(120 + 86_399)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(120 + 86_400)).await.unwrap().due, 1);
        let known = teller.store.load(&[subject(1).key], after(90_000)).await.unwrap().remove(0);
        assert_eq!((known.version, known.state), (0, None));
        assert_eq!(sweep.step(after(1_000_000)).await.unwrap().due, 0);
    }

    who_is_due_is_handed_to_one_sweep_until_its_lease_ends(teller) {
        teller.act(1, beat(true), START).await;
        let claim = async |second| teller.store.claim_due(after(second), 10, 5_000).await.unwrap();
        assert_eq!(claim(90).await, [subject(1).key]);
        assert_eq!(claim(94).await, []);
        assert_eq!(claim(95).await, [subject(1).key]);
    }

    the_change_log_is_paged_by_its_cursors_and_trimmed(teller) {
        for user in 1..=5 {
            teller.act(user, beat(true), START).await;
        }
        let first = teller.page(Some(ChangeCursor::START), 2).await;
        let rest = teller.page(Some(first[1].0), 10).await;
        let users: Vec<_> = first.iter().chain(&rest).map(|(_, change)| change.user_id.to_string()).collect();
        assert_eq!(users, ["1", "2", "3", "4", "5"]);
        assert!(first.iter().chain(&rest).is_sorted_by(|(left, _), (right, _)| left < right));
        let last = rest[2].0;
        assert_eq!(teller.page(Some(last), 10).await, []);
        assert_eq!(teller.store.end_of_changes().await.unwrap(), last);
        let later = teller.store.time().await.unwrap().plus(teller.windows.remember);
        teller.store.trim_changes(later).await.unwrap();
        assert_eq!(teller.changes().await, []);
        assert_eq!(teller.page(Some(last), 10).await, []);
        assert_eq!(teller.store.end_of_changes().await.unwrap(), last);
        for lost in [ChangeCursor::START, first[0].0, rest[1].0] {
            assert_eq!(teller.store.changes(Some(lost), 10).await.unwrap(), Changes::Trimmed(last));
        }
    }

    everybody_remembered_is_found_in_pages(teller) {
        for user in 0..300 {
            teller.act(user, beat(true), START).await;
        }
        let (mut found, mut from) = (std::collections::HashSet::new(), 0);
        loop {
            let (keys, next) = teller.store.scan(from, 100).await.unwrap();
            found.extend(keys);
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(found.len(), 300);
    }

    an_idle_user_is_away_for_readers_of_the_record_alone(teller) {
        teller.act(1, beat(true), START).await;
        teller.act(1, beat(false), after(1)).await;
        let records = teller.store.records(&[subject(1).key], after(2)).await.unwrap();
        let view = presence_sidecar::presence::domain::View::of_record(records[0].clone(), &teller.windows, after(2));
        assert_eq!(view.status, Status::Away);
    }

    a_clock_that_was_set_back_leaves_nobody_online_for_ever(teller) {
        for user in [1, 2] {
            teller.act(user, beat(true), after(86_400)).await;
        }
        teller.act(1, beat(true), START).await;
        assert_eq!(teller.view(1, after(1)).await.status, Status::Online);
        teller.sweep().process_all(after(1)).await.unwrap();
        teller.act(1, beat(true), after(100)).await;
        assert_eq!(teller.sweep().step(after(121)).await.unwrap().due, 1);
        let present = teller.store.roster(&scope(), Status::Online, None, 10).await.unwrap();
        assert_eq!(present, [subject(1).key]);
        let gone = teller.changes().await.into_iter().filter(|(_, change)| change.user_id.to_string() == "2");
        let gone: Vec<_> = gone.map(|(_, change)| (change.status, change.occurred_at)).collect();
        assert_eq!(gone[1..], [(Status::Away, after(91)), (Status::Offline, after(121))]);
    }

    a_tick_for_nobody_does_nothing(teller) {
        assert_eq!(teller.commit(&subject(1), Input::Tick, START).await, Committed::Done);
        assert_eq!(teller.log().await, []);
    }
}

fn scope() -> presence_sidecar::presence::domain::identity::ScopeKey {
    presence_sidecar::presence::domain::identity::Scope::default().key(true)
}
