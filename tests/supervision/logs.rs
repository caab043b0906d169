//! A log that cannot be written: the lines are lost, the work is not.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::Counter;
use presence_sidecar::telemetry::LogQueue;

use super::stop::PROMPTLY;
use super::{Server, metric, wait_for};
use crate::support::{Receiver, RedisServer, on_redis};

/// Many lines for each request.
const VERBOSE: (&str, &str) = ("PRESENCE_LOG", "trace");

fn verbose() -> Vec<(&'static str, String)> {
    vec![(VERBOSE.0, VERBOSE.1.to_owned())]
}

async fn lost_lines(server: &Server) -> f64 {
    metric(&server.client.get("/metrics").await.text, "presence_log_lines_lost_total")
}

async fn assert_works_and_stops(mut server: Server) {
    assert_eq!(server.client.heartbeat(1).await.status, 200);
    assert_eq!(server.client.get("/ready").await.status, 200);
    server.signal("TERM");
    let (status, took) = server.ended().await;
    assert!(status.success(), "{status}");
    assert!(took < PROMPTLY, "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_log_loses_lines_and_nothing_else_while_redis_restarts() {
    require!("redis-server");
    let mut redis = RedisServer::start_with(&["--appendonly", "yes"]);
    let receiver = Receiver::start().await;
    let environment = [
        on_redis(&redis),
        vec![
            ("PRESENCE_DRIVER", "webhook".to_owned()),
            ("PRESENCE_WEBHOOK_URL", receiver.url.clone()),
            ("PRESENCE_WEBHOOK_SECRET", "the-secret-of-the-tests".to_owned()),
            ("PRESENCE_TTL", "3".to_owned()),
            ("PRESENCE_AWAY_AFTER", "2".to_owned()),
        ],
    ];
    let (reader, writer) = std::io::pipe().unwrap();
    let server = Server::start_with(&environment.concat(), writer.into()).await;
    let mut first = [0; 100];
    (&reader).read_exact(&mut first).unwrap();
    drop(reader);
    assert_eq!(server.client.heartbeat(1).await.status, 200);
    redis.stop();
    assert_eq!(server.client.heartbeat(2).await.status, 503);
    wait_for(async || (lost_lines(&server).await > 0.0).then_some(()), || "no line is lost".to_owned()).await;
    redis.run();
    let again = async || (server.client.heartbeat(3).await.status == 200).then_some(());
    wait_for(again, || "heartbeats stay unavailable".to_owned()).await;
    // The sweep goes on: the user is recorded as away and offline, and so do the webhooks.
    let has_left = async || {
        let posts = receiver.posts();
        posts.iter().any(|post| post.json()["user_id"] == 3 && post.json()["status"] == "offline").then_some(())
    };
    wait_for(has_left, || format!("webhooks: {:?}", receiver.posts().len())).await;
    assert_works_and_stops(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_log_disk_loses_lines_and_nothing_else() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Server::start_with(&verbose(), full.into()).await;
    assert_eq!(server.client.heartbeat(1).await.status, 200);
    wait_for(async || (lost_lines(&server).await > 0.0).then_some(()), || "no line is lost".to_owned()).await;
    assert_works_and_stops(server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_no_process_reads_delays_no_request_and_no_stop() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let server = Server::start_with(&verbose(), writer.into()).await;
    // Each request logs its path.
    let long_path = format!("/{}", "x".repeat(8_000));
    let more = async || {
        for _ in 0..100 {
            assert_eq!(server.client.get(&long_path).await.status, 404);
        }
        (lost_lines(&server).await > 0.0).then_some(())
    };
    wait_for(more, || "the queue is never full".to_owned()).await;
    assert_works_and_stops(server).await;
}

/// An output that can be made to fail.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>, Arc<Mutex<Option<usize>>>);

impl Output {
    /// Accepts only this many bytes more; `None` for any number.
    fn set_room(&self, room: Option<usize>) {
        *self.1.lock().unwrap() = room;
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut room = self.1.lock().unwrap();
        let count = room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if count == 0 && !bytes.is_empty() {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        *room = room.map(|room| room - count);
        self.0.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn log_goes_on_when_there_is_room_again_and_counts_what_it_lost() {
    let (queue, output) = (LogQueue::default(), Output::default());
    queue.start(output.clone()).unwrap();
    let flush = || queue.flush(Duration::from_secs(10));
    queue.push(b"one\n");
    flush();
    output.set_room(Some(3));
    queue.push(b"two is cut\n");
    queue.push(b"three is lost\n");
    flush();
    assert_eq!(queue.lost(), 2);
    output.set_room(None);
    queue.push(b"four\n");
    flush();
    assert_eq!((output.text().as_str(), queue.lost()), ("one\ntwo\nfour\n", 2));
    queue.count_in(Counter::noop());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_logged_at_debug_and_statements_at_trace() {
    for (level, has_statements) in [("debug", false), ("trace", true)] {
        let environment = [("PRESENCE_LOG", level.to_owned()), ("PRESENCE_CACHE_STORE", "database".to_owned())];
        let server = Server::start("", &environment).await;
        assert_eq!(server.client.heartbeat(1).await.status, 200);
        let line = server.logged("request completed").await;
        assert!(line.contains("DEBUG") && line.contains("/api/v1/presence/heartbeat"), "{line}");
        let log = server.log();
        assert_eq!(log.contains("INSERT INTO"), has_statements, "{log}");
    }
}

#[test]
fn full_queue_drops_lines_at_once() {
    let queue = LogQueue::default();
    let line = [b'x'; 1024];
    for _ in 0..1024 {
        queue.push(&line);
    }
    assert_eq!(queue.lost(), 0);
    queue.push(&line);
    assert_eq!(queue.lost(), 1);
    let output = Output::default();
    queue.start(output.clone()).unwrap();
    queue.flush(Duration::from_secs(10));
    assert_eq!(output.text().len(), 1024 * 1024);
}

#[test]
fn blocked_output_holds_up_a_flush_only_for_its_time() {
    let queue = LogQueue::default();
    queue.push(b"never written\n");
    let started = std::time::Instant::now();
    queue.flush(Duration::from_millis(50));
    assert!((50..5_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}
