//! Recovery of users whose stored state is gone, or unreadable, while a roster or a due time still names them.
//!
//! What is left of such a user is the key, the roster, and perhaps a Laravel record. A state without sessions is rebuilt
//! from them, and the rules do the rest: they adopt the record, if it has a heartbeat; else a user who was on a roster
//! goes offline, now, and a user who was on none is forgotten. The key has all names in lower case, as Laravel writes it.

use super::identity::{Id, Meta, Scope, Subject, UserKey};
use super::{Record, State, Status, Timestamp, Windows};

/// The state of the user `key`, who was on the roster of `status`, as far as it is known. It began long ago.
pub fn rebuild_state(key: &UserKey, status: Status, version: u64) -> State {
    State {
        version,
        user: Id::from_path(key.member()).unwrap_or(Id::Int(0)),
        scope: scope(key.scope()),
        status,
        since: Timestamp::from_secs(0),
        sessions: Vec::new(),
        last_online: None,
        ended: None,
        meta: Meta::default(),
    }
}

/// The state of a user who was present by a Laravel record, but has none stored: the store was emptied, or the record is
/// older than the change log. That user came online before the log began, so that no change is recorded of it. `None` if
/// the user is not present any more.
pub fn adopt_record(subject: &Subject, record: &Record, windows: &Windows, now: Timestamp) -> Option<State> {
    let seen = record.last_seen.min(now);
    let status = Status::of_record(seen, record.idle, now, windows);
    let mut state = State::new(subject, seen);
    state.merge_record(record.clone(), now);
    state.status = status;
    status.is_present().then_some(state)
}

/// A scope from its key, such as `presence|acme|loc:berlin|guard:web`.
fn scope(key: &str) -> Scope {
    let mut scope = Scope::default();
    for part in key.split('|').skip(1) {
        let (place, value) = match part.split_once(':') {
            Some(("loc", value)) => (&mut scope.location, value),
            Some(("dom", value)) => (&mut scope.domain, value),
            Some(("guard", value)) => (&mut scope.guard, value),
            _ => (&mut scope.tenant, part),
        };
        *place = Id::from_path(value).ok();
    }
    scope.guard = scope.guard.filter(|guard| guard.to_string() != "web");
    scope
}
