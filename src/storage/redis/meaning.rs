//! The one table from the error codes of Redis and Valkey to what a caller can do about them.
//!
//! An error inside a script may carry its code in the text alone: `ERR Error running script … -OOM command not allowed …`.
//! A code that is not in the table is one that passes: the caller gets a 503 and may try again.

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same call may succeed at once: over another connection, or after the scripts are loaded.
    RetryNow,
    /// The call may succeed later, without a change of the configuration.
    RetryLater,
    /// The server does not permit the call until its configuration, or that of the sidecar, is changed.
    Refused,
    /// The call is wrong, or the key has a value of another type.
    Defect,
}

/// The meaning of an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The code, as the server sends it.
    pub code: &'static str,
    /// What a caller can do.
    pub remedy: Remedy,
    /// Whether the connection is of no use any more: another one may reach another server, or authenticate again.
    pub is_connection_useless: bool,
    /// What the operator can do; empty if nothing.
    pub advice: &'static str,
}

const fn meaning(code: &'static str, remedy: Remedy, advice: &'static str) -> Meaning {
    Meaning { code, remedy, is_connection_useless: false, advice }
}

const fn useless(meaning: Meaning) -> Meaning {
    Meaning { is_connection_useless: true, ..meaning }
}

/// The rule for a code that is not in the table.
const UNKNOWN: Meaning = meaning("", Remedy::RetryLater, "");

const RIGHTS: &str = "grant the user this right: presence-sidecar doctor prints all that serve needs";
const NODE: &str = "this is a node of a Redis Cluster: set redis.cluster to the addresses of its nodes";
const DATABASE: &str = "a cluster often has database 0 alone: set redis.cluster to the addresses of its nodes, and \
                        redis.db and redis.cache_db to 0";
const SENTINEL: &str = "this is a Sentinel: set redis.sentinels to the addresses of the Sentinels";
/// The driver says no more of a handshake than that it failed.
const PASSWORD: &str = "correct REDIS_USERNAME and REDIS_PASSWORD, or unset them if the server has none";
const SLOTS: &str = "the cluster does not serve all slots: see CLUSTER INFO";

/// All codes with a meaning of their own, the texts with which a script tells that the user lacks a right (the first is that of
/// Redis since 7.2 and of Valkey), and those with which the driver tells that a handshake failed. A code that is contained in
/// another one comes behind it.
const TABLE: [Meaning; 30] = [
    meaning("OOM", Remedy::RetryLater, "Redis is full: raise maxmemory, or remove keys"),
    useless(meaning("READONLY", Remedy::RetryNow, "this server is a replica: connect to the primary")),
    useless(meaning("MASTERDOWN", Remedy::RetryLater, "this server is a replica without its primary")),
    meaning("NOREPLICAS", Remedy::RetryLater, "fewer replicas are connected than min-replicas-to-write"),
    meaning("NOPERM", Remedy::Refused, RIGHTS),
    meaning("ACL failure in script", Remedy::Refused, RIGHTS),
    meaning("can't run this command", Remedy::Refused, RIGHTS),
    meaning(
        "can't access at least one of the keys",
        Remedy::Refused,
        "grant the user the keys: see presence-sidecar doctor",
    ),
    useless(meaning("NOAUTH", Remedy::Refused, "set REDIS_PASSWORD, and REDIS_USERNAME for an ACL user")),
    useless(meaning("WRONGPASS", Remedy::Refused, "correct REDIS_USERNAME and REDIS_PASSWORD")),
    useless(meaning("AuthenticationFailed", Remedy::Refused, PASSWORD)),
    meaning("LOADING", Remedy::RetryLater, "Redis loads its data"),
    meaning("NOTBUSY", Remedy::Defect, ""),
    meaning("BUSYGROUP", Remedy::Defect, ""),
    meaning("BUSYKEY", Remedy::Defect, ""),
    meaning("BUSY", Remedy::RetryLater, "a script of another client runs: SCRIPT KILL ends it"),
    meaning("MISCONF", Remedy::RetryLater, "Redis cannot write to its disk: see its log"),
    meaning("CLUSTERDOWN", Remedy::RetryLater, SLOTS),
    meaning("CROSSSLOT", Remedy::Refused, NODE),
    meaning("TRYAGAIN", Remedy::RetryLater, "the slot of the key is being migrated"),
    meaning("MOVED", Remedy::Refused, NODE),
    meaning("ASK", Remedy::Refused, NODE),
    useless(meaning("SELECT is not allowed in cluster mode", Remedy::Refused, DATABASE)),
    useless(meaning("unknown command 'SELECT'", Remedy::Refused, SENTINEL)),
    useless(meaning("DB index is out of range", Remedy::Refused, DATABASE)),
    useless(meaning("refused to switch database", Remedy::Refused, "grant the user SELECT, or set redis.db to 0")),
    meaning("NOSCRIPT", Remedy::RetryNow, ""),
    meaning("EXECABORT", Remedy::RetryLater, ""),
    meaning("UNKILLABLE", Remedy::RetryLater, "a script of another client has written and cannot be killed"),
    meaning("WRONGTYPE", Remedy::Defect, "another program wrote to a key of the sidecar"),
];

impl Meaning {
    /// The meaning of an error with this code and text. A generic code (`ERR`), and none, are looked for in the text.
    pub fn of(code: &str, text: &str) -> Self {
        let exact = TABLE.iter().find(|known| known.code == code);
        let found =
            exact.or_else(|| TABLE.iter().filter(|_| is_generic(code)).find(|known| mentions(text, known.code)));
        found.copied().unwrap_or(UNKNOWN)
    }
}

fn is_generic(code: &str) -> bool {
    matches!(code, "" | "ERR")
}

/// Whether the text has the code as a word of its own.
fn mentions(text: &str, code: &str) -> bool {
    let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.match_indices(code)
        .any(|(at, _)| !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + code.len()..].chars().next()))
}
