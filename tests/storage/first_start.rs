//! First starts of the real binary that are killed at random moments.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{columns_and_indexes, open_all};
use crate::support::{ENGINES, Engine, TestDatabase};

/// The largest number of starts until one comes to its end.
const MAX_STARTS: u32 = 400;

fn command(database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presence-sidecar"));
    command.arg("migrate").env_clear().envs(database.environment()).env("PRESENCE_CACHE_STORE", "database");
    command.env("PRESENCE_STORAGE", "/nonexistent/storage").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts the binary and kills it after a while; each time `step` later, until it ends by itself. Returns how often it was
/// killed.
fn kill_until_complete(database: &TestDatabase, step: Duration) -> u32 {
    for start in 0..MAX_STARTS {
        let mut child = command(database).spawn().unwrap();
        std::thread::sleep(step * start + step.mul_f64(rand::random()));
        _ = child.kill();
        if child.wait().unwrap().success() {
            return start;
        }
    }
    panic!("{:?}: {MAX_STARTS} starts did not complete the tables", database.engine);
}

/// The time of a start that is not killed, on a database of its own.
fn time_of_a_start(engine: Engine) -> Duration {
    let database = TestDatabase::create(engine);
    let begun = Instant::now();
    assert!(command(&database).status().unwrap().success(), "{engine:?}");
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_first_starts_leave_nothing_that_the_next_start_does_not_complete() {
    for engine in ENGINES {
        let undisturbed = TestDatabase::create(engine);
        let (opened, schema) = open_all(&undisturbed, &[]);
        opened.migrate(&schema).await.unwrap();
        let whole = time_of_a_start(engine);
        for parts in [10, 25] {
            let mut step = whole / parts;
            let mut all_killed = 0;
            // The measured start may have been a slow one: then only few of these are killed, and shorter steps follow.
            while all_killed <= 2 {
                let database = TestDatabase::create(engine);
                all_killed += kill_until_complete(&database, step);
                assert_eq!(columns_and_indexes(&database), columns_and_indexes(&undisturbed), "{engine:?}");
                let versions = "SELECT version FROM sidecar_migrations WHERE success = TRUE ORDER BY version";
                assert_eq!(database.lines(versions), ["1", "2", "3", "4", "5"], "{engine:?}");
                assert!(step > Duration::from_micros(100), "{engine:?}: no start was killed");
                step /= 2;
            }
        }
    }
}
