//! Attacks from outside by callers without a token: the sidecar stays small, fast and reachable.
//!
//! [`ATTACKS`] is the table; each attack is a function. Against a release build, and alone: `tests/attack/run`.

mod bodies;
mod connections;
mod messages;
mod target;

use self::target::{Target, report};

/// An attack.
type Attack = fn(&Target);

/// All attacks on a sidecar with the default limits.
const ATTACKS: &[(&str, Attack)] = &[
    ("large bodies without a token", bodies::large_bodies),
    ("forms of nested fields", bodies::nested_forms),
    ("slow bodies", bodies::slow_bodies),
    ("half heads", bodies::half_heads),
    ("responses that are not read", connections::unread_pages),
    ("idle connections", connections::idle_connections),
    ("connections that come and go", connections::short_connections),
    ("messages of the greatest size", messages::large_messages),
    ("polls that are not read", messages::unread_polls),
    ("registrations", messages::registrations),
];

/// Runs all attacks on one sidecar, so that what one leaves behind adds to the next.
#[test]
fn sidecar_withstands_all_attacks() {
    slow!();
    require!("prlimit");
    connections::raise_own_open_files();
    let target = Target::start();
    for (name, attack) in ATTACKS {
        report(name);
        attack(&target);
    }
    let mut target = target;
    assert!(target.process.terminate().success());
}

#[test]
fn limit_of_open_files_is_raised_at_the_start() {
    require!("prlimit");
    connections::open_files_are_raised();
}

#[test]
fn database_grows_at_most_10_mib_per_minute_and_address() {
    slow!();
    require!("prlimit");
    messages::database_growth();
}
