//! Cursors of a log that is gone, or that lost its last entries, are refused.

use std::time::Duration;

use presence_sidecar::presence::store::{ChangeCursor, LogIdentity, LogPosition, tag_of_shards};
use serde_json::Value;

use super::raw_stream::RawStream;
use crate::presence::harness::START;
use crate::support::{Client, ENGINES, RedisServer, Sidecar, TOKEN, TestDatabase, on_database, on_redis};

async fn changes_after(client: &Client, after: &str) -> (u16, Value) {
    let answer = client.get(&format!("/api/v1/presence/changes?after={after}")).await;
    (answer.status, answer.json)
}

async fn last_cursor(client: &Client) -> String {
    client.changes().await.last().unwrap()["cursor"].as_str().unwrap().to_owned()
}

/// The cursor in the form of release 0.1.0.
fn old_form(cursor: &str) -> &str {
    cursor.split_once('.').unwrap().0
}

/// Each operation refuses the cursor, and says where the log begins.
async fn assert_refused(client: &Client, cursor: &str, case: &str) {
    let (status, body) = changes_after(client, cursor).await;
    assert_eq!(status, 409, "{case}: {body}");
    let oldest = body["oldest_cursor"].as_str().unwrap();
    assert_eq!(changes_after(client, oldest).await.0, 200, "{case}: {oldest}");
    let refused = (409, Some(oldest));
    let answer = client.get(&format!("/api/v1/presence/snapshot?page={cursor}.0")).await;
    assert_eq!((answer.status, answer.json["oldest_cursor"].as_str()), refused, "{case}: snapshot");
    // The reader of the log notices it within 250 ms: a stream that begins before then ends by itself.
    for attempt in 0.. {
        let answer = client.get(&format!("/api/v1/presence/stream?after={cursor}")).await;
        if answer.status != 200 || attempt == 5 {
            assert_eq!((answer.status, answer.json["oldest_cursor"].as_str()), refused, "{case}: stream");
            break;
        }
    }
}

async fn beat(client: &Client, users: std::ops::Range<i32>) {
    for user in users {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while client.heartbeat(user).await.status != 200 {
            assert!(tokio::time::Instant::now() < deadline, "the store did not recover");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[test]
fn cursor_is_read_as_it_is_written_and_in_the_old_form() {
    let identity = LogIdentity::new(START);
    assert_eq!(identity.began(), START);
    assert_eq!(LogIdentity::from_number(identity.number()), Some(identity));
    let cursor = ChangeCursor::new(LogPosition { millis: 17, number: 4 }, Some(identity.tag()));
    let text = cursor.to_string();
    assert!(text.starts_with("17-4.") && text.len() == 13, "{text}");
    let read: ChangeCursor = text.parse().unwrap();
    assert!(read.names(&cursor) && read.tag == cursor.tag);
    let old: ChangeCursor = "17-4".parse().unwrap();
    assert!(old.names(&cursor));
    let foreign = cursor.clone().with_tag(Some(LogIdentity::new(START).tag_at(1)));
    assert!(!foreign.names(&cursor));
    for bad in ["17-4.", "17-4.12", "17-4.0000000G", "17-4.000000000", "17", "-", "17-4.ABCDEF01"] {
        assert!(bad.parse::<ChangeCursor>().is_err(), "{bad}");
    }
}

#[test]
fn cursor_of_shards_is_short_and_read_as_it_is_written() {
    let at = |millis, number| LogPosition { millis, number };
    let positions: Vec<LogPosition> = (0..16).map(|shard| at(1_772_600_767_123 + shard, shard % 3)).collect();
    let tag = tag_of_shards(&[LogIdentity::new(START), LogIdentity::new(START)]);
    let cursor = ChangeCursor::of_shards(&positions, tag);
    let text = cursor.to_string();
    assert!(text.len() < 260, "{text}");
    let read: ChangeCursor = text.parse().unwrap();
    assert!(read.names(&cursor) && read.positions() == positions && read.tag == tag);
    let largest = ChangeCursor::of_shards(&[at(u64::MAX, u64::MAX), at(0, 0)], None);
    assert_eq!(largest.to_string().parse::<ChangeCursor>().unwrap(), largest);
    for bad in ["s", "s1-2", "s1-2_", "s1-2_3", "sA-2_3-4", "s1-2_3-+4", "s1-2_3-12345678901234567", "s1-2_3-4.12"] {
        assert!(bad.parse::<ChangeCursor>().is_err(), "{bad}");
    }
}

#[test]
fn cursors_of_shards_are_ordered_if_one_is_ahead_nowhere() {
    let cursor =
        |numbers: [u64; 2]| ChangeCursor::of_shards(&numbers.map(|number| LogPosition { millis: 1, number }), None);
    assert!(cursor([1, 2]) < cursor([2, 2]) && cursor([2, 3]) > cursor([2, 2]) && cursor([1, 1]) == cursor([1, 1]));
    assert_eq!(cursor([1, 2]).partial_cmp(&cursor([2, 1])), None);
    assert_eq!(cursor([1, 2]).partial_cmp(&ChangeCursor::START), None);
    assert_eq!(cursor([1, 2]).joined(&cursor([2, 1])), cursor([2, 2]));
    assert_eq!(cursor([1, 1]).joined(&cursor([2, 1])), cursor([2, 1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_an_emptied_redis_is_refused() {
    require!("redis-server");
    let mut redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    for how in ["FLUSHDB", "kill"] {
        beat(&sidecar.client, 1..6).await;
        let last = last_cursor(&sidecar.client).await;
        assert_eq!(changes_after(&sidecar.client, &last).await.0, 200);
        assert_eq!(changes_after(&sidecar.client, old_form(&last)).await.0, 200, "the old form is accepted");
        let mut follower = RawStream::open(&sidecar.url, TOKEN, &last).await;
        assert!(follower.read_until("id: ").await);
        if how == "kill" {
            redis.stop();
            redis.run();
        } else {
            redis.cli(&["FLUSHDB"]);
        }
        let ended = tokio::time::timeout(Duration::from_secs(15), follower.read_to_end()).await;
        assert!(ended.is_ok(), "{how}: a running stream ends");
        assert_refused(&sidecar.client, &last, how).await;
        assert_refused(&sidecar.client, old_form(&last), how).await;
        // Also when the new log has passed the position.
        beat(&sidecar.client, 11..13).await;
        assert_refused(&sidecar.client, &last, how).await;
        assert_refused(&sidecar.client, old_form(&last), how).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_lost_entries_is_refused_after_redis_was_restored() {
    require!("redis-server");
    let mut redis = RedisServer::start();
    let sidecar = Sidecar::on(&redis).await;
    beat(&sidecar.client, 1..3).await;
    let kept = last_cursor(&sidecar.client).await;
    redis.cli(&["SAVE"]);
    beat(&sidecar.client, 3..5).await;
    let lost = last_cursor(&sidecar.client).await;
    redis.stop();
    redis.run();
    beat(&sidecar.client, 5..8).await;
    assert_refused(&sidecar.client, &lost, "a snapshot was restored").await;
    let (status, page) = changes_after(&sidecar.client, &kept).await;
    assert_eq!((status, page["data"].as_array().unwrap().len()), (200, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_lost_entries_is_refused_after_a_database_was_restored() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&on_database(&database)).await;
        beat(&sidecar.client, 1..5).await;
        let cursors: Vec<String> =
            sidecar.client.changes().await.iter().map(|change| change["cursor"].as_str().unwrap().to_owned()).collect();
        let mut follower = RawStream::open(&sidecar.url, TOKEN, &cursors[3]).await;
        assert!(follower.read_until("id: ").await);
        // The backup was made behind the second entry.
        database.sql(
            "BEGIN; DELETE FROM sidecar_presence_changes WHERE number > 2; \
             UPDATE sidecar_presence_log SET last = 2; COMMIT",
        );
        let ended = tokio::time::timeout(Duration::from_secs(15), follower.read_to_end()).await;
        assert!(ended.is_ok(), "{engine:?}: a running stream ends");
        assert_refused(&sidecar.client, &cursors[3], "ahead").await;
        assert_refused(&sidecar.client, old_form(&cursors[3]), "ahead").await;
        beat(&sidecar.client, 11..15).await;
        assert_refused(&sidecar.client, &cursors[3], &format!("{engine:?}: the number is used again")).await;
        assert_eq!(changes_after(&sidecar.client, &cursors[1]).await.0, 200, "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_dropped_tables_is_refused() {
    for engine in ENGINES {
        let database = TestDatabase::create(engine);
        let sidecar = Sidecar::with(&on_database(&database)).await;
        beat(&sidecar.client, 1..5).await;
        let last = last_cursor(&sidecar.client).await;
        for table in ["log", "users", "counts", "changes"] {
            database.sql(&format!("DROP TABLE sidecar_presence_{table}"));
        }
        beat(&sidecar.client, 11..13).await;
        assert_refused(&sidecar.client, &last, &format!("{engine:?}: ahead")).await;
        beat(&sidecar.client, 13..17).await;
        assert_refused(&sidecar.client, &last, &format!("{engine:?}: the number is used again")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cursor_of_another_process_is_refused_by_the_store_in_memory() {
    let (one, other) = (Sidecar::start().await, Sidecar::start().await);
    beat(&one.client, 1..4).await;
    beat(&other.client, 1..6).await;
    assert_refused(&other.client, &last_cursor(&one.client).await, "another process").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_give_out_cursors_of_one_log() {
    require!("redis-server");
    let redis = RedisServer::start();
    let (one, other) = (Sidecar::with(&on_redis(&redis)).await, Sidecar::with(&on_redis(&redis)).await);
    beat(&one.client, 1..4).await;
    let last = last_cursor(&one.client).await;
    assert_eq!(last_cursor(&other.client).await, last);
    assert_eq!(changes_after(&other.client, &last).await.0, 200);
}
