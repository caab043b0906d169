//! How many users a sweep commits at once, in stores whose commits take a time of their own and a time for each user.

use std::time::Duration;

use presence_sidecar::presence::worker::pace::SweepPace;

const LEAST: usize = 32;
const MOST: usize = 1_000;

fn time(users: usize, each_user: u64) -> Duration {
    Duration::from_micros(200 + each_user * users as u64)
}

/// A pace after many commits in a store that takes `each_user` microseconds for a user.
fn settled(mut pace: SweepPace, each_user: u64, has_callers: bool) -> SweepPace {
    for _ in 0..50 {
        pace.record(pace.users(), time(pace.users(), each_user), has_callers);
    }
    pace
}

#[test]
fn commit_takes_a_few_milliseconds_while_there_are_callers() {
    for each_user in [5, 20, 60, 100] {
        let users = settled(SweepPace::new(LEAST, MOST), each_user, true).users();
        let time = time(users, each_user);
        assert!(time <= Duration::from_millis(4) && time >= Duration::from_millis(1), "{users} users: {time:?}");
    }
    assert_eq!(settled(SweepPace::new(LEAST, MOST), 1_000, true).users(), LEAST);
    assert_eq!(settled(SweepPace::new(256, MOST), 100, true).users(), 256, "what the store says");
}

#[test]
fn commit_has_all_users_without_callers_and_shrinks_when_some_come() {
    let idle = settled(SweepPace::new(LEAST, MOST), 60, false);
    assert_eq!(idle.users(), MOST);
    let busy = settled(idle, 60, true);
    assert!(busy.users() <= 64, "{}", busy.users());
    assert_eq!(settled(busy, 60, false).users(), MOST);
}

#[test]
fn commit_of_fewer_users_than_permitted_tells_nothing() {
    let mut pace = SweepPace::new(LEAST, MOST);
    let before = pace.users();
    pace.record(before - 1, Duration::from_secs(1), true);
    assert_eq!(pace.users(), before);
}
