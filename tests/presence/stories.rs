//! The contract that every store keeps.

use presence_sidecar::presence::domain::identity::{Meta, SessionId};
use presence_sidecar::presence::domain::{Heartbeat, Input, Status, View};
use presence_sidecar::presence::store::{ChangeCursor, Changes, Committed, Counts, PageLimit};
use presence_sidecar::storage::redis::RedisServers;

use super::harness::{START, StoreHarness, after, beat, offline, subject};
use crate::support::{Engine, RedisServer, TestDatabase};

/// A test of a contract, to be run beside others on the same servers.
pub type Story<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs tests on every store: in memory, and on real servers; changes are pushed into the queues of `$outbox`. The tests
/// on a database server run in one test, so that it is started once; those on a cluster and behind Sentinels are in
/// `redis_servers/stories.rs`.
macro_rules! store_contract {
    ($($name:ident($harness:ident) $story:block)*) => {
        store_contract! { $($name($harness, presence_sidecar::presence::domain::Outbox::default()) $story)* }
    };
    ($($name:ident($harness:ident, $outbox:expr) $story:block)*) => {
        mod array {
            use super::*;
            $(#[tokio::test] async fn $name() { let $harness = StoreHarness::array_into($outbox); $story })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test] async fn $name() {
                require!("redis-server");
                let server = RedisServer::start();
                let $harness = StoreHarness::redis_into(&server, $outbox);
                $story
            })*
        }
        pub(in crate::presence) mod redis_servers {
            use super::*;

            /// The stories on these servers, each with keys of its own.
            pub(in crate::presence) fn stories(servers: &RedisServers, cache_db: i64, shards: usize) -> Vec<Story<'_>> {
                vec![$(Box::pin(async move {
                    let prefix = concat!(module_path!(), "::", stringify!($name), "-");
                    let $harness = StoreHarness::on_servers(servers.clone(), prefix, (cache_db, shards), $outbox);
                    $story
                })),*]
            }
        }
        mod sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                let database = TestDatabase::create(Engine::Sqlite);
                let $harness = StoreHarness::sql_into(&database, $outbox).await;
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
                    let $harness = StoreHarness::sql_into(&database, $outbox).await;
                    $story
                })*
            }
            #[tokio::test] async fn every_story_on_mariadb() {
                require!("mariadbd");
                tell(Engine::MariaDb).await;
            }
            #[tokio::test] async fn every_story_on_postgres() {
                require!("postgres");
                tell(Engine::Postgres).await;
            }
        }
    };
}
pub(super) use store_contract;

store_contract! {
    committed_state_is_loaded(harness) {
        harness.act(1, beat(true), START).await;
        let known = harness.store.load(&[subject(2).key, subject(1).key], after(1)).await.unwrap();
        assert_eq!(known[0].state, None);
        let state = known[1].state.as_ref().unwrap();
        assert_eq!((state.status, state.version, state.seen()), (Status::Online, known[1].version, Some(START)));
        assert_eq!(harness.view(1, after(1)).await.status, Status::Online);
    }

    commit_on_an_outdated_version_writes_nothing_and_returns_the_current_content(harness) {
        let late = harness.prepare(&subject(1), offline(), START).await;
        harness.act(1, beat(true), START).await;
        let log = harness.log().await;
        let Committed::Conflict(current) = harness.store.commit(&[late], START).await.unwrap().remove(0) else {
            panic!("the version was another");
        };
        assert_eq!(current.state.map(|state| state.status), Some(Status::Online));
        assert_eq!(harness.log().await, log);
        assert_eq!(harness.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 0 });
    }

    commits_of_one_call_are_independent(harness) {
        let stale = harness.prepare(&subject(1), beat(true), START).await;
        harness.act(1, beat(true), START).await;
        let fresh = harness.prepare(&subject(2), beat(false), START).await;
        let answers = harness.store.commit(&[stale, fresh], START).await.unwrap();
        assert!(matches!(answers[0], Committed::Conflict(_)));
        assert_eq!(answers[1], Committed::Done);
        assert_eq!(harness.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 1 });
    }

    rosters_and_counts_follow_transitions(harness) {
        for user in [3, 1, 2] {
            harness.act(user, beat(true), START).await;
        }
        harness.act(2, beat(false), after(1)).await;
        harness.act(3, offline(), after(2)).await;
        let online = harness.store.roster(&scope(), Status::Online, None, 10).await.unwrap();
        let away = harness.store.roster(&scope(), Status::Away, None, 10).await.unwrap();
        assert_eq!(online, [subject(1).key]);
        assert_eq!(away, [subject(2).key]);
        assert_eq!(harness.store.counts(&scope()).await.unwrap(), Counts { online: 1, away: 1 });
    }

    roster_is_paged_in_the_order_of_its_members(harness) {
        for user in [30, 1, 200] {
            harness.act(user, beat(true), START).await;
        }
        let first = harness.store.roster(&scope(), Status::Online, None, 2).await.unwrap();
        assert_eq!(first, [subject(1).key, subject(200).key]);
        let rest = harness.store.roster(&scope(), Status::Online, Some(first[1].member()), 2).await.unwrap();
        assert_eq!(rest, [subject(30).key]);
    }

    user_becomes_away_and_offline_by_time_alone(harness) {
        harness.act(1, beat(true), START).await;
        let sweep = harness.sweep();
        assert_eq!(sweep.step(after(89)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(90)).await.unwrap().changes, 1);
        assert_eq!(sweep.step(after(119)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(120)).await.unwrap().changes, 1);
        let log: Vec<_> = harness.log().await.into_iter().map(|(_, status)| status).collect();
        assert_eq!(log, [Status::Online, Status::Away, Status::Offline]);
        assert_eq!(harness.store.counts(&scope()).await.unwrap(), Counts::default());
        assert_eq!(harness.view(1, after(121)).await.last_online, Some(START));
    }

    sweep_of_a_refreshed_user_changes_no_status(harness) {
        for second in (0..=270).step_by(30) {
            harness.act(1, beat(true), after(second)).await;
        }
        let swept = harness.sweep().step(after(271)).await.unwrap();
        assert_eq!((swept.due, swept.changes), (1, 0));
        assert_eq!(harness.sweep().step(after(272)).await.unwrap().due, 0);
        assert_eq!(harness.sweep().step(after(360)).await.unwrap().changes, 1);
    }

    late_sweep_records_both_boundaries(harness) {
        harness.act(1, beat(true), START).await;
        harness.sweep().step(after(500)).await.unwrap();
        let changes = harness.changes().await;
        let times: Vec<_> = changes.iter().map(|(_, change)| (change.status, change.occurred_at)).collect();
        assert_eq!(times, [(Status::Online, START), (Status::Away, after(90)), (Status::Offline, after(120))]);
    }

    user_is_forgotten_after_the_remember_time(harness) {
        harness.act(1, beat(true), START).await;
        let sweep = harness.sweep();
        sweep.step(after(120)).await.unwrap();
        assert_eq!(sweep.step(after(120 + 86_399)).await.unwrap().due, 0);
        assert_eq!(sweep.step(after(120 + 86_400)).await.unwrap().due, 1);
        let known = harness.store.load(&[subject(1).key], after(90_000)).await.unwrap().remove(0);
        assert_eq!((known.version, known.state), (0, None));
        assert_eq!(sweep.step(after(1_000_000)).await.unwrap().due, 0);
    }

    due_user_is_leased_to_one_sweep(harness) {
        harness.act(1, beat(true), START).await;
        let claim = async |second| harness.store.claim_due(harness.store.shard_of(&subject(1).key), after(second), 10, 5_000).await.unwrap();
        assert_eq!(claim(90).await, [subject(1).key]);
        assert_eq!(claim(94).await, []);
        assert_eq!(claim(95).await, [subject(1).key]);
    }

    change_log_is_paged_and_trimmed(harness) {
        for user in 1..=5 {
            harness.act(user, beat(true), START).await;
        }
        let first = harness.page(Some(ChangeCursor::START), 2).await;
        let rest = harness.page(Some(first[1].0.clone()), 10).await;
        let mut users: Vec<_> = first.iter().chain(&rest).map(|(_, change)| change.user_id.to_string()).collect();
        if harness.store.shards() > 1 {
            // No order is promised between users.
            users.sort_unstable();
        }
        assert_eq!(users, ["1", "2", "3", "4", "5"]);
        assert!(first.iter().chain(&rest).is_sorted_by(|(left, _), (right, _)| left < right));
        let last = rest[2].0.clone();
        assert_eq!(harness.page(Some(last.clone()), 10).await, []);
        assert_eq!(harness.store.end_of_changes().await.unwrap(), last);
        let later = harness.store.time().await.unwrap().plus(harness.windows.remember);
        harness.store.trim_changes(later).await.unwrap();
        assert_eq!(harness.changes().await, []);
        assert_eq!(harness.page(Some(last.clone()), 10).await, []);
        assert_eq!(harness.store.end_of_changes().await.unwrap(), last);
        for lost in [ChangeCursor::START, first[0].0.clone(), rest[1].0.clone()] {
            let limit = PageLimit::of_entries(10);
            assert_eq!(harness.store.changes(Some(lost), limit).await.unwrap(), Changes::Trimmed(last.clone()));
        }
    }

    scan_returns_all_remembered_users_in_pages(harness) {
        for user in 0..300 {
            harness.act(user, beat(true), START).await;
        }
        let (mut found, mut from) = (std::collections::HashSet::new(), 0);
        loop {
            let (keys, next) = harness.store.scan(from, 100).await.unwrap();
            found.extend(keys);
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(found.len(), 300);
    }

    idle_user_is_away_by_the_record_alone(harness) {
        harness.act(1, beat(true), START).await;
        harness.act(1, beat(false), after(1)).await;
        let records = harness.store.records(&[subject(1).key], after(2)).await.unwrap();
        let view = View::of_record(records[0].clone(), &harness.windows, after(2));
        assert_eq!(view.status, Status::Away);
    }

    view_has_only_fresh_sessions(harness) {
        let beat_of = |session: &str| {
            let session = SessionId::new(session).unwrap();
            Input::Heartbeat(Heartbeat { session, active: true, meta: Meta::default(), sent_at: None })
        };
        harness.act(1, beat_of("phone"), START).await;
        harness.act(1, beat_of("desk"), after(100)).await;
        assert_eq!(harness.view(1, after(119)).await.sessions.len(), 2);
        assert_eq!(harness.view(1, after(120)).await.sessions.len(), 1);
        let known = harness.store.load(&[subject(1).key], after(120)).await.unwrap().remove(0);
        let view = View::of_state(known.current(after(120)).as_ref(), &harness.windows, after(120));
        assert_eq!(view.sessions.len(), 1);
    }

    user_goes_offline_after_the_clock_was_set_back(harness) {
        for user in [1, 2] {
            harness.act(user, beat(true), after(86_400)).await;
        }
        harness.act(1, beat(true), START).await;
        assert_eq!(harness.view(1, after(1)).await.status, Status::Online);
        harness.sweep().process_all(after(1)).await.unwrap();
        harness.act(1, beat(true), after(100)).await;
        assert_eq!(harness.sweep().step(after(121)).await.unwrap().due, 1);
        let present = harness.store.roster(&scope(), Status::Online, None, 10).await.unwrap();
        assert_eq!(present, [subject(1).key]);
        let gone = harness.changes().await.into_iter().filter(|(_, change)| change.user_id.to_string() == "2");
        let gone: Vec<_> = gone.map(|(_, change)| (change.status, change.occurred_at)).collect();
        assert_eq!(gone[1..], [(Status::Away, after(91)), (Status::Offline, after(121))]);
    }

    tick_without_state_changes_nothing(harness) {
        assert_eq!(harness.commit(&subject(1), Input::Tick, START).await, Committed::Done);
        assert_eq!(harness.log().await, []);
    }
}

fn scope() -> presence_sidecar::presence::domain::identity::ScopeKey {
    presence_sidecar::presence::domain::identity::Scope::default().key(true)
}
