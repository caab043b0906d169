//! Users whose stored state is lost or unreadable.

use presence_sidecar::presence::domain::identity::{Id, Scope, Subject};
use presence_sidecar::presence::domain::{Span, Status};
use presence_sidecar::presence::store::{Committed, Counts};

use super::harness::{START, StoreHarness, after, beat};
use crate::support::{ENGINES, Engine, RedisServer, TestDatabase};

fn somebody() -> Subject {
    let [tenant, location] = ["acme", "berlin"].map(|text| Some(Id::text(text).unwrap()));
    Subject::new(Id::from(7), Scope { tenant, location, ..Scope::default() }, true)
}

/// A user is away when `lose` loses the state.
async fn assert_lost_user_goes_offline(harness: &StoreHarness, lose: impl AsyncFn()) {
    let subject = somebody();
    assert_eq!(harness.commit(&subject, beat(false), START).await, Committed::Done);
    lose().await;
    harness.sweep().step(after(120)).await.unwrap();
    let changes = harness.changes().await;
    let (_, last) = changes.last().unwrap();
    assert_eq!((last.status, last.previous, last.occurred_at), (Status::Offline, Status::Away, after(120)));
    assert_eq!((&last.user_id, &last.scope), (&subject.user, &subject.scope));
    assert_eq!(harness.store.counts(&subject.scope.key(true)).await.unwrap(), Counts::default());
    assert_eq!(harness.sweep().step(after(121)).await.unwrap().due, 0);
    harness.sweep().step(after(121).plus(Span::from_secs(86_400))).await.unwrap();
    assert_eq!(harness.changes().await.len(), changes.len());
}

/// A user is online, also by the record of PHP, when `lose` loses the state.
async fn assert_user_with_a_record_stays(harness: &StoreHarness, lose: impl AsyncFn()) {
    let subject = somebody();
    assert_eq!(harness.commit(&subject, beat(true), START).await, Committed::Done);
    assert_eq!(harness.commit(&subject, beat(true), after(60)).await, Committed::Done);
    lose().await;
    harness.sweep().step(after(91)).await.unwrap();
    assert_eq!(harness.store.counts(&subject.scope.key(true)).await.unwrap(), Counts { online: 1, away: 0 });
    assert_eq!(harness.changes().await.len(), 1);
    harness.sweep().step(after(151)).await.unwrap();
    assert_eq!(harness.changes().await.last().unwrap().1.user_id, subject.user);
    assert_eq!(harness.store.counts(&subject.scope.key(true)).await.unwrap(), Counts { online: 0, away: 1 });
}

#[tokio::test]
async fn user_with_a_lost_state_in_redis_goes_offline() {
    require!("redis-server");
    let server = RedisServer::start();
    let prefix = "laravel-database-laravel-cache-";
    let key = somebody().key;
    let (state, record) = (format!("{prefix}{{presence}}:state:{}", key.as_str()), format!("{prefix}{}", key.as_str()));
    let none: &[&str] = &["DEL", &state];
    let unreadable: &[&str] = &["SET", &state, "00000000000000ff{}"];
    for lost in [none, unreadable] {
        server.cli(&["FLUSHALL"]);
        let lose = async || {
            server.cli(lost);
            server.cli(&["-n", "1", "DEL", &record]);
        };
        assert_lost_user_goes_offline(&StoreHarness::redis(&server), lose).await;
        server.cli(&["FLUSHALL"]);
        assert_user_with_a_record_stays(&StoreHarness::redis(&server), async || _ = server.cli(lost)).await;
    }
}

#[tokio::test]
async fn user_left_on_a_roster_is_removed_by_the_next_heartbeat() {
    require!("redis-server");
    let server = RedisServer::start();
    let harness = StoreHarness::redis(&server);
    harness.commit(&somebody(), beat(false), START).await;
    server.cli(&["DEL", &format!("laravel-database-laravel-cache-{{presence}}:state:{}", somebody().key.as_str())]);
    harness.commit(&somebody(), beat(true), after(1)).await;
    let counts = harness.store.counts(&somebody().scope.key(true)).await.unwrap();
    assert_eq!(counts, Counts { online: 1, away: 0 });
}

#[tokio::test]
async fn user_with_an_unreadable_state_in_a_database_goes_offline() {
    for engine in ENGINES {
        let cases = [true, false];
        for is_gone in cases {
            let database = TestDatabase::create(engine);
            let harness = StoreHarness::sql(&database).await;
            let table = database.lines(match engine {
                Engine::Sqlite => "SELECT name FROM sqlite_master WHERE name LIKE '%presence_users'",
                _ => "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '%presence_users'",
            });
            let spoil = format!("UPDATE {} SET state = '{{}}'", table[0]);
            if is_gone {
                let lose = async || {
                    database.sql(&spoil);
                    database.sql("DELETE FROM cache");
                };
                assert_lost_user_goes_offline(&harness, lose).await;
            } else {
                assert_user_with_a_record_stays(&harness, async || _ = database.sql(&spoil)).await;
            }
        }
    }
}
