//! Connections: many, idle, or with responses that nobody reads.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::target::Target;

const UP: &[u8] = b"GET /up HTTP/1.1\r\nhost: x\r\n\r\n";

/// Raises the limit of open files of the tests, which hold thousands of connections.
pub fn raise_own_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// 300 connections ask for the largest page many times, and read nothing.
pub fn unread_pages(target: &Target) {
    let request = b"GET /docs HTTP/1.1\r\nhost: x\r\n\r\n".repeat(16);
    let open = target.withstand_once(|| {
        let open: Vec<_> = (0..300).filter_map(|_| target.send(&request)).collect();
        std::thread::sleep(Duration::from_secs(2));
        open
    });
    assert_eq!(open.len(), 300);
}

/// 9,000 connections with one request each, which stay open; or as many as the tests may open.
pub fn idle_connections(target: &Target) {
    let Rlimit { current, .. } = getrlimit(Resource::Nofile);
    let number = current.map_or(9_000, |files| files.saturating_sub(500).min(9_000));
    let request = format!("GET /up HTTP/1.1\r\nhost: x\r\nx-padding: {}\r\n\r\n", "x".repeat(7_000));
    let open = target.withstand_once(|| {
        let open = (0..number).filter_map(|_| {
            let mut stream = target.send(request.as_bytes())?;
            stream.read(&mut [0; 1024]).ok().filter(|read| *read > 0).map(|_| stream)
        });
        open.collect::<Vec<_>>()
    });
    assert!(open.len() as u64 >= number * 9 / 10, "{} of {number} connections", open.len());
}

/// Connections that end before, within or after a request.
pub fn short_connections(target: &Target) {
    target.withstand(8, Duration::from_secs(3), |thread| {
        let mut stream = target.connect();
        _ = stream.write_all(&UP[..UP.len() * (thread % 3) / 2]);
    });
}

/// A sidecar that is started with a soft limit of 1,024 open files, as systemd does, raises it, and says so if that is not
/// enough.
pub fn open_files_are_raised() {
    let target = Target::with(&[], &["--nofile=1024:4096"]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", target.process.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3);
    assert_eq!(soft, Some("4096"), "{line}");
    let log = target.process.log();
    assert!(log.contains("the limit of open files is too low for server.max_connections = 10000"), "{log}");
    let enough = Target::with(&[("PRESENCE__SERVER__MAX_CONNECTIONS", "2000".to_owned())], &["--nofile=1024:4096"]);
    assert!(!enough.process.log().contains("open files"), "{}", enough.process.log());
}
