//! Errors of Redis, with what they mean for a caller.

use redis::RedisError;

use super::meaning::{Meaning, Remedy};
use crate::storage::Unavailable;

/// Converts an error of Redis. The reason names the cause, and what the operator can do.
pub fn unavailable(error: RedisError) -> Unavailable {
    let lost = !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error());
    let Meaning { remedy, is_connection_useless, advice, .. } = meaning(&error);
    if lost || (remedy == Remedy::RetryNow && is_connection_useless) {
        Unavailable::lost_connection(error)
    } else {
        let text = if advice.is_empty() { error.to_string() } else { format!("{error}: {advice}") };
        if remedy == Remedy::Refused { Unavailable::refused(text) } else { Unavailable::new(text) }
    }
}

/// The meaning of an error of the server.
pub fn meaning(error: &RedisError) -> Meaning {
    Meaning::of(error.code().unwrap_or_default(), &error.to_string())
}

/// Whether the server does not know a script.
pub(super) fn is_no_script(error: &RedisError) -> bool {
    meaning(error).code == "NOSCRIPT"
}
