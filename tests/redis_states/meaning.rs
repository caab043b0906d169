//! The table of error codes.

use presence_sidecar::storage::redis::{Meaning, Remedy};

#[test]
fn each_code_of_redis_has_a_meaning() {
    for (code, remedy) in [
        ("OOM", Remedy::RetryLater),
        ("READONLY", Remedy::RetryNow),
        ("NOPERM", Remedy::Refused),
        ("NOAUTH", Remedy::Refused),
        ("WRONGPASS", Remedy::Refused),
        ("LOADING", Remedy::RetryLater),
        ("BUSY", Remedy::RetryLater),
        ("MASTERDOWN", Remedy::RetryLater),
        ("CLUSTERDOWN", Remedy::RetryLater),
        ("MOVED", Remedy::Refused),
        ("CROSSSLOT", Remedy::Refused),
        ("NOSCRIPT", Remedy::RetryNow),
        ("EXECABORT", Remedy::RetryLater),
        ("MISCONF", Remedy::RetryLater),
        ("TRYAGAIN", Remedy::RetryLater),
        ("NOREPLICAS", Remedy::RetryLater),
        ("WRONGTYPE", Remedy::Defect),
    ] {
        let meaning = Meaning::of(code, "");
        assert_eq!((meaning.code, meaning.remedy), (code, remedy));
        let in_script = format!("ERR Error running script (call to f_0): @user_script:1: -{code} something");
        assert_eq!(Meaning::of("ERR", &in_script), meaning, "{in_script}");
    }
}

#[test]
fn unknown_code_is_one_that_passes() {
    for (code, text) in [("NEWCODE", "OOM"), ("ERR", "no such thing"), ("", ""), ("ERR", "BUSYBODY, ROOM and LOADINGS")]
    {
        let meaning = Meaning::of(code, text);
        assert_eq!((meaning.code, meaning.remedy), ("", Remedy::RetryLater), "{code} {text}");
        assert!(!meaning.is_connection_useless);
    }
}

#[test]
fn refusal_inside_a_script_is_recognized_by_its_text() {
    for text in [
        "ERR The user executing the script can't run this command or subcommand script: 8c3b, on @user_script:3.",
        "ERR The user executing the script can't access at least one of the keys mentioned in the command script: 8c3b",
        // Redis 7.2 and newer; Valkey without the hash.
        "ERR ACL failure in script: User u has no permissions to run the 'zadd' command script: 8c3b, on @user_script:1.",
        "ACL failure in script: No permissions to access a key script: on @user_script:1.",
    ] {
        assert_eq!(Meaning::of("ERR", text).remedy, Remedy::Refused, "{text}");
    }
}

#[test]
fn failed_handshake_makes_its_connection_useless() {
    for text in [
        "Password authentication failed - AuthenticationFailed",
        "\"Redis server refused to switch database\" - ResponseError: DB index is out of range",
        "\"Redis server refused to switch database\" - ResponseError: this user has no permissions to run 'select'",
    ] {
        let meaning = Meaning::of("", text);
        assert!(meaning.is_connection_useless && meaning.remedy == Remedy::Refused, "{text}");
        assert!(!meaning.advice.is_empty(), "{text}");
    }
}
