//! `presence-cache-table.json` and `laravel-13.json`: rows of Laravel's `cache` table, byte for byte.

use presence_sidecar::presence::domain::identity::{Id, Scope, Subject};
use presence_sidecar::presence::domain::{RecordLookup, RecordWrite, Status, Timestamp};
use presence_sidecar::presence::store::record;
use serde_json::{Value, json};

use super::harness::{START, StoreHarness, after, beat, offline, subject};
use crate::support::{ENGINES, Engine, TestDatabase, bytes, vectors};

/// The one row of a case: key, value and expiration as they were recorded.
fn recorded(case: &Value) -> (String, Vec<u8>, i64) {
    let row = &case["rows"][0];
    let key = String::from_utf8(bytes(&row["key"])).unwrap();
    (key, bytes(&row["value"]), row["expiration"].as_i64().unwrap())
}

fn cases_of_laravel_12() -> impl Iterator<Item = Value> {
    vectors("presence-cache-table.json")["cases"].as_array().unwrap().clone().into_iter()
}

/// In the form of those of Laravel 12, without the values that the sidecar does not write as they are: enums.
fn cases_of_laravel_13() -> impl Iterator<Item = Value> {
    let cases = vectors("laravel-13.json")["values"].as_array().unwrap().clone().into_iter();
    cases.filter(|case| case["name"] != "enum").map(|case| {
        let mut row = case["row"].clone();
        row["key"] = json!({"text": row["key"]});
        json!({"name": case["name"], "now_unix": 1_772_600_767, "rows": [row]})
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Key, value in hexadecimal digits, and expiration of every row there is.
fn rows(database: &TestDatabase) -> Vec<String> {
    database.lines(match database.engine {
        Engine::Sqlite => "SELECT \"key\", hex(CAST(\"value\" AS BLOB)), expiration FROM cache",
        Engine::MariaDb => "SELECT `key`, HEX(`value`), expiration FROM cache",
        Engine::Postgres => {
            "SELECT \"key\", upper(encode(convert_to(\"value\", 'UTF8'), 'hex')), expiration FROM cache"
        }
    })
}

async fn read(harness: &StoreHarness, now: Timestamp) -> RecordLookup {
    harness.store.records(&[subject(1).key], now).await.unwrap().remove(0)
}

#[tokio::test]
async fn rows_that_laravel_wrote_are_read_and_written_back_byte_for_byte() {
    let database = TestDatabase::create(Engine::Sqlite);
    let harness = StoreHarness::sql(&database).await;
    for case in cases_of_laravel_12().chain(cases_of_laravel_13()) {
        let (key, value, expiration) = recorded(&case);
        let now = Timestamp::from_secs(case["now_unix"].as_i64().unwrap());
        let row = vec![format!("{key}|{}|{expiration}", hex(&value))];
        database.sql(&format!(
            "DELETE FROM cache; INSERT INTO cache VALUES ('{key}', CAST(x'{}' AS TEXT), {expiration})",
            hex(&value)
        ));
        assert_eq!(rows(&database), row);
        let RecordLookup::Found(record) = read(&harness, now).await else { panic!("{}", case["name"]) };

        database.sql("DELETE FROM cache");
        let mut commit = harness.prepare(&subject(1), beat(true), now).await;
        commit.decision.record = RecordWrite::Put(record, 120);
        harness.store.commit(&[commit], now).await.unwrap();
        assert_eq!(rows(&database), row, "{}", case["name"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_is_wrapped_where_laravel_wraps_it_and_read_everywhere() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let harness = StoreHarness::sql(&database).await;
        let php = b"a:2:{s:12:\"last_seen_at\";s:25:\"2026-03-04T05:06:07+00:00\";s:4:\"meta\";a:1:{i:0;s:1:\"\0\";}}";
        let RecordLookup::Found(record) = record::decode(php, START) else { panic!("a record") };
        let mut commit = harness.prepare(&subject(1), beat(true), START).await;
        commit.decision.record = RecordWrite::Put(record.clone(), 120);
        harness.store.commit(&[commit], START).await.unwrap();
        let is_plain = rows(&database)[0].contains(&hex(php));
        assert_eq!(is_plain, engine == Engine::MariaDb, "{engine:?}");
        assert_eq!(read(&harness, START).await, RecordLookup::Found(record), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_expired_are_removed_with_the_offline_that_is_recorded() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let harness = StoreHarness::sql(&database).await;
        harness.act(1, beat(true), START).await;
        harness.act(2, beat(true), START).await;
        harness.act(2, offline(), after(1)).await;
        assert_eq!(rows(&database).len(), 1, "{engine:?}");
        harness.sweep().step(after(119)).await.unwrap();
        assert_eq!(rows(&database).len(), 1, "{engine:?}");
        harness.sweep().step(after(500)).await.unwrap();
        assert_eq!(rows(&database), Vec::<String>::new(), "{engine:?}");
    }
}

#[tokio::test]
async fn in_the_second_in_which_its_row_expires_a_user_has_no_record_as_in_laravel() {
    let database = TestDatabase::create(Engine::Sqlite);
    let harness = StoreHarness::sql(&database).await;
    harness.act(1, beat(true), START).await;
    assert!(matches!(read(&harness, after(119)).await, RecordLookup::Found(_)));
    assert_eq!(read(&harness, after(120)).await, RecordLookup::Missing);
    let known = harness.store.load(&[subject(1).key], after(120)).await.unwrap().remove(0);
    assert!(matches!(known.record, RecordLookup::Found(_)), "the rules are finer than seconds: {known:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_any_length_and_in_any_letters_are_kept_apart() {
    let long = "ß".repeat(255);
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let harness = StoreHarness::sql(&database).await;
        let scope = Scope { tenant: Some(Id::text(&long).unwrap()), ..Scope::default() };
        let users = [long.as_str(), "e", "😀", "a b", "100%", "o'reilly"];
        let subjects = users.map(|user| Subject::new(Id::text(user).unwrap(), scope.clone(), true));
        for (second, subject) in (0..).zip(&subjects) {
            harness.commit(subject, beat(true), after(second)).await;
        }
        let keys: Vec<_> = subjects.iter().map(|subject| subject.key.clone()).collect();
        for (second, known) in (0..).zip(harness.store.load(&keys, after(9)).await.unwrap()) {
            let RecordLookup::Found(record) = known.record else { panic!("{engine:?} {known:?}") };
            assert_eq!((record.last_seen, known.state.unwrap().seen()), (after(second), Some(after(second))));
        }
        let members = harness.store.roster(&scope.key(true), Status::Online, None, 10).await.unwrap();
        let mut sorted = keys.clone();
        sorted.sort();
        assert_eq!(members, sorted, "{engine:?}");
    }
}

/// On MySQL, where the key `é` is found for `e`, the two have one row; that it is the other's ends nobody.
#[tokio::test(flavor = "multi_thread")]
async fn user_with_a_key_that_mysql_considers_equal_to_another_stays_present() {
    require!("mariadbd");
    let database = TestDatabase::create(Engine::MariaDb);
    let harness = StoreHarness::sql(&database).await;
    let [plain, accented] = ["e", "é"].map(|user| Subject::new(Id::text(user).unwrap(), Scope::default(), true));
    for (second, subject) in [(0, &plain), (1, &accented), (2, &plain), (3, &accented)] {
        harness.commit(subject, beat(true), after(second)).await;
    }
    assert_eq!(rows(&database).len(), 1);
    assert_eq!(harness.log().await.len(), 2);
    let known = harness.store.load(&[plain.key, accented.key], after(4)).await.unwrap();
    assert_eq!(known[0].record, RecordLookup::Unknown);
    assert!(matches!(known[1].record, RecordLookup::Found(_)));
}
