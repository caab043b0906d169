//! First starts of the real binary that are killed at random moments.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{columns_and_indexes, open_all};
use crate::support::{ENGINES, TestDatabase};

/// The largest number of starts until one comes to its end.
const MAX_STARTS: u64 = 400;

fn command(database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.arg("migrate").env_clear().envs(database.environment()).env("PRESENCE_CACHE_STORE", "database");
    command.env("PRESENCE_STORAGE", "/nonexistent/storage").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts the binary and kills it after a while; a little later each time, until it ends by itself. Returns how often it
/// was killed.
fn kill_until_complete(database: &TestDatabase, step: Duration) -> u64 {
    for start in 0..MAX_STARTS {
        let mut child = command(database).spawn().unwrap();
        let pause = step.mul_f64(f64::from(u32::try_from(start).unwrap()));
        std::thread::sleep(pause + Duration::from_micros(rand::random_range(0..10_000)));
        _ = child.kill();
        if child.wait().unwrap().success() {
            return start;
        }
    }
    panic!("{:?}: {MAX_STARTS} starts did not complete the tables", database.engine);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_first_starts_leave_nothing_that_the_next_start_does_not_complete() {
    for engine in ENGINES {
        let undisturbed = TestDatabase::create(engine);
        let (opened, schema) = open_all(&undisturbed, &[]);
        opened.migrate(&schema).await.unwrap();
        for step in [10_000, 23_000] {
            let database = TestDatabase::create(engine);
            let killed = kill_until_complete(&database, Duration::from_micros(step));
            assert!(killed > 2, "{engine:?}: only {killed} starts were killed");
            assert_eq!(columns_and_indexes(&database), columns_and_indexes(&undisturbed), "{engine:?}");
            let versions = "SELECT version FROM sidecar_migrations WHERE success = TRUE ORDER BY version";
            assert_eq!(database.lines(versions), ["1", "2", "3", "4"], "{engine:?}");
        }
    }
}
