//! Users whose state on file is gone or cannot be read.

use presence_sidecar::presence::domain::identity::{Id, Scope, Subject};
use presence_sidecar::presence::domain::{Span, Status};
use presence_sidecar::presence::store::{Committed, Counts};

use super::teller::{START, Teller, after, beat};
use crate::support::{Engine, RedisServer, TestDatabase};

fn somebody() -> Subject {
    let [tenant, location] = ["acme", "berlin"].map(|text| Some(Id::text(text).unwrap()));
    Subject::new(Id::from(7), Scope { tenant, location, ..Scope::default() }, true)
}

/// Somebody is away when `lose` loses the state.
async fn assert_who_is_lost_goes_offline(teller: &Teller, lose: impl AsyncFn()) {
    let subject = somebody();
    assert_eq!(teller.commit(&subject, beat(false), START).await, Committed::Done);
    lose().await;
    teller.sweep().step(after(120)).await.unwrap();
    let changes = teller.changes().await;
    let (_, last) = changes.last().unwrap();
    assert_eq!((last.status, last.previous, last.occurred_at), (Status::Offline, Status::Away, after(120)));
    assert_eq!((&last.user_id, &last.scope), (&subject.user, &subject.scope));
    assert_eq!(teller.store.counts(&subject.scope.key(true)).await.unwrap(), Counts::default());
    assert_eq!(teller.sweep().step(after(121)).await.unwrap().due, 0);
    teller.sweep().step(after(121).plus(Span::from_secs(86_400))).await.unwrap();
    assert_eq!(teller.changes().await.len(), changes.len());
}

/// Somebody is online when `lose` loses the state, and PHP's record says so.
async fn assert_who_has_a_record_stays(teller: &Teller, lose: impl AsyncFn()) {
    let subject = somebody();
    assert_eq!(teller.commit(&subject, beat(true), START).await, Committed::Done);
    assert_eq!(teller.commit(&subject, beat(true), after(60)).await, Committed::Done);
    lose().await;
    teller.sweep().step(after(91)).await.unwrap();
    assert_eq!(teller.store.counts(&subject.scope.key(true)).await.unwrap(), Counts { online: 1, away: 0 });
    assert_eq!(teller.changes().await.len(), 1);
    teller.sweep().step(after(151)).await.unwrap();
    assert_eq!(teller.changes().await.last().unwrap().1.user_id, subject.user);
    assert_eq!(teller.store.counts(&subject.scope.key(true)).await.unwrap(), Counts { online: 0, away: 1 });
}

#[tokio::test]
async fn a_state_that_is_lost_in_redis_leaves_no_ghost() {
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
        assert_who_is_lost_goes_offline(&Teller::redis(&server), lose).await;
        server.cli(&["FLUSHALL"]);
        assert_who_has_a_record_stays(&Teller::redis(&server), async || _ = server.cli(lost)).await;
    }
}

#[tokio::test]
async fn a_list_that_somebody_was_left_on_is_left_with_the_next_heartbeat() {
    let server = RedisServer::start();
    let teller = Teller::redis(&server);
    teller.commit(&somebody(), beat(false), START).await;
    server.cli(&["DEL", &format!("laravel-database-laravel-cache-{{presence}}:state:{}", somebody().key.as_str())]);
    teller.commit(&somebody(), beat(true), after(1)).await;
    let counts = teller.store.counts(&somebody().scope.key(true)).await.unwrap();
    assert_eq!(counts, Counts { online: 1, away: 0 });
}

#[tokio::test]
async fn a_state_that_cannot_be_read_in_a_database_leaves_no_ghost() {
    for engine in [Engine::Sqlite, Engine::MariaDb, Engine::Postgres] {
        let cases = [true, false];
        for is_gone in cases {
            let database = TestDatabase::create(engine);
            let teller = Teller::sql(&database).await;
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
                assert_who_is_lost_goes_offline(&teller, lose).await;
            } else {
                assert_who_has_a_record_stays(&teller, async || _ = database.sql(&spoil)).await;
            }
        }
    }
}
