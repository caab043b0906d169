//! Upgrades: what version 0.1.0 wrote is opened, read and continued by this version, and both versions work side by side.
//!
//! `tests/upgrade/record` made the fixtures with a binary of 0.1.0; `fixture` loads them. Time has passed since: all users
//! have expired, deliveries and fan-out are overdue. `tests/upgrade/rolling` runs both versions at once, and one version forward and back.

mod deliveries;
mod downgrade;
mod fixture;
mod messages;
mod presence;
mod rolling;
mod starts;

use std::time::{Duration, Instant};

use serde_json::Value;

/// Tells stories on the fixture of every store, each as a test of its own.
macro_rules! on_every_store {
    ($($story:ident),+ $(,)?) => {
        on_every_store!(@ [$($story),+] sqlite Sqlite, mariadb MariaDb, postgres Postgres, redis Redis);
    };
    (@ $stories:tt $($module:ident $store:ident),+) => {
        $(on_every_store!(@@ $stories $module $store);)+
    };
    (@@ [$($story:ident),+] $module:ident $store:ident) => {
        mod $module {
            use crate::upgrade::fixture::{Fixture, Store};
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $story() {
                    if Store::$store.server().is_some_and(crate::support::is_skipped) {
                        return;
                    }
                    super::$story(Fixture::load(Store::$store)).await;
                }
            )+
        }
    };
}
use on_every_store;

/// Tries until there is a result. A circuit that was open for long is probed again only after a minute.
async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(150);
    loop {
        if let Some(result) = attempt().await {
            return result;
        }
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Checks that `now` says all that `before` said; it may have further members, and cursors have a tag behind the position.
fn assert_covers(now: &Value, before: &Value) {
    fn covers(now: &Value, before: &Value) -> bool {
        match (now, before) {
            (Value::Object(now), Value::Object(before)) => before.iter().all(|(name, value)| match now.get(name) {
                Some(Value::String(cursor)) if name == "cursor" => {
                    cursor.split_once('.').is_some_and(|(position, _tag)| value == position)
                }
                now => now.is_some_and(|now| covers(now, value)),
            }),
            (Value::Array(now), Value::Array(before)) => {
                now.len() == before.len() && now.iter().zip(before).all(|(now, before)| covers(now, before))
            }
            _ => now == before,
        }
    }
    assert!(covers(now, before), "0.1.0 said {before:#}\nthis version says {now:#}");
}

/// The elements of a JSON array.
fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no array"))
}

/// A text in JSON.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
