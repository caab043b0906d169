//! Recovery of users whose stored state is gone, or unreadable, while a roster or a due time still names them.
//!
//! What is left of such a user is the key, the roster, and perhaps a Laravel record. A state without sessions is rebuilt
//! from them, and the rules do the rest: they adopt the record, if it has a heartbeat; else a user who was on a roster
//! goes offline, now, and a user who was on none is forgotten. The key has all names in lower case, as Laravel writes it.

use super::identity::{Id, Meta, Scope, UserKey};
use super::{State, Status, Timestamp};

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
