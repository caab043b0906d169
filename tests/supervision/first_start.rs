//! What the first start says: where data is stored, and what to try.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use super::{BINARY, wait_for};
use crate::support::{Process, send_signal};

/// Starts the binary until it listens, and stops it; returns its standard output and its log.
fn first_start(environment: &[(&str, &str)]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("serve").env_clear().env("PRESENCE_STORAGE", folder.path()).envs(environment.iter().copied());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut log = String::new();
    while !log.contains("created tables") {
        assert!(errors.read_line(&mut log).unwrap() > 0, "{log}");
    }
    send_signal("TERM", child.id());
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    errors.read_to_string(&mut log).unwrap();
    assert!(child.wait().unwrap().success(), "{log}");
    (printed, log)
}

#[test]
fn first_steps_have_an_address_and_a_token_that_work() {
    let (printed, _) = first_start(&[("PRESENCE_LISTEN", "0.0.0.0:0")]);
    assert!(printed.contains("curl -s http://127.0.0.1:") && !printed.contains("0.0.0.0"), "{printed}");
    assert!(printed.contains("secrets.env && curl"), "{printed}");
    let token = ("PRESENCE_TOKEN", "a-token-that-is-set-elsewhere");
    let (printed, _) = first_start(&[("PRESENCE_LISTEN", "127.0.0.1:0"), token]);
    assert!(printed.contains("Bearer your PRESENCE_TOKEN") && !printed.contains("secrets.env && curl"), "{printed}");
}

#[test]
fn first_start_writes_nothing_between_json_records() {
    let (printed, log) = first_start(&[("PRESENCE_LISTEN", "127.0.0.1:0"), ("PRESENCE_LOG_FORMAT", "json")]);
    assert_eq!(printed, "");
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
    assert!(log.contains("generated secrets"), "{log}");
}

#[tokio::test]
async fn start_says_where_presence_and_messages_are_stored() {
    let redis = [
        ("PRESENCE_CACHE_STORE", "redis".to_owned()),
        ("REDIS_HOST", "127.0.0.1".to_owned()),
        ("REDIS_PORT", crate::support::free_port().to_string()),
        ("REDIS_PREFIX", "shop_".to_owned()),
        ("CACHE_PREFIX", "c_".to_owned()),
        ("DB_DATABASE", "/nonexistent/app.sqlite".to_owned()),
    ];
    let sidecar = Process::start(&redis);
    let refused = format!("Redis at 127.0.0.1:{}/0: Connection refused", redis[2].1);
    let has_tried = async || Some(sidecar.log()).filter(|log| log.contains(&refused));
    let log = wait_for(has_tried, || format!("the log has no {refused:?}:\n{}", sidecar.log())).await;
    let records = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let locations: Vec<_> = records.filter(|record| record["message"] == "location of the data").collect();
    let [presence, messages] = &locations[..] else { panic!("{locations:?}") };
    assert_eq!((presence["data"].as_str(), presence["store"].as_str()), (Some("presence"), Some("redis")));
    assert_eq!(presence["server"], format!("127.0.0.1:{}, databases 1 (records) and 0", redis[2].1));
    assert_eq!(presence["names"], "shop_c_presence|* and shop_c_{presence}:*");
    let from = presence["from"].as_str().unwrap();
    assert!(from.contains("redis.prefix from environment REDIS_PREFIX") && from.contains("redis.db"), "{from}");
    assert_eq!(messages["server"], "the SQLite file /nonexistent/app.sqlite");
    assert_eq!(messages["names"], "clients, messages, message_receipts");
}

#[test]
fn address_in_use_is_an_error_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(BINARY);
    command.args(["serve", "--listen", &address]).env_clear().env("PRESENCE_STORAGE", folder.path());
    let errors = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(errors.contains(&format!("cannot listen on {address}")) && errors.contains("PRESENCE_LISTEN"), "{errors}");
}
