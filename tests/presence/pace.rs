//! How many users a sweep commits at once, in stores whose commits take a time of their own and a time for each user.

use std::time::Duration;

use presence_sidecar::presence::worker::pace::Pace;

const MAX: usize = 1_000;

/// A pace after many commits in a store.
fn settled(mut pace: Pace, each_commit: Duration, each_user: Duration, has_callers: bool) -> Pace {
    for _ in 0..100 {
        let users = pace.users();
        pace.record(users, each_commit + each_user * u32::try_from(users).unwrap(), has_callers);
    }
    pace
}

const fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[test]
fn commit_takes_a_few_milliseconds_while_there_are_callers() {
    for each_user in [20, 60, 100] {
        let fast = settled(Pace::new(MAX), micros(200), micros(each_user), true);
        let time = micros(200) + micros(each_user) * u32::try_from(fast.users()).unwrap();
        assert!(time <= Duration::from_millis(5) && time >= Duration::from_millis(1), "{each_user} µs: {time:?}");
    }
    let slow = settled(Pace::new(MAX), micros(200), micros(1_000), true);
    assert_eq!(slow.users(), 32, "the least");
}

#[test]
fn commit_has_all_users_without_callers_and_shrinks_when_some_come() {
    let idle = settled(Pace::new(MAX), micros(200), micros(60), false);
    assert_eq!(idle.users(), MAX);
    let busy = settled(idle, micros(200), micros(60), true);
    assert!(busy.users() <= 80, "{}", busy.users());
    assert_eq!(settled(busy, micros(200), micros(60), false).users(), MAX);
}

#[test]
fn commit_that_waits_for_a_disk_stays_so_large_that_the_sweep_is_not_late() {
    let idle = settled(Pace::new(MAX), micros(8_000), micros(100), false);
    let busy = settled(idle, micros(8_000), micros(100), true);
    let cost = |users: u32| (micros(8_000) + micros(100) * users).as_secs_f64() / f64::from(users);
    let users = u32::try_from(busy.users()).unwrap();
    assert!(cost(users) < 1.4 * cost(1_000), "{users} users");
}

#[test]
fn commit_of_fewer_users_than_permitted_tells_nothing() {
    let mut pace = Pace::new(MAX);
    let before = pace.users();
    pace.record(before - 1, Duration::from_secs(1), true);
    assert_eq!(pace.users(), before);
}
