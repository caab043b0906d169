//! The tables from error codes to their meaning.

use presence_sidecar::storage::sql::codes::{ErrorClass, Recovery, mysql, postgres, sqlite};

use ErrorClass::{
    Busy, Conflict, Defect, Denied, Disconnected, Interrupted, InvalidTime, InvalidValue, NoTable, ReadOnly,
    StaleSession, TooManyConnections, Unavailable, UniqueViolation,
};

#[test]
fn mysql_number_decides_before_the_state() {
    let cases: [(&[u16], &str, ErrorClass); 17] = [
        (&[1213, 1020, 1412, 3101], "HY000", Conflict),
        (&[4031, 1243, 1615], "HY000", StaleSession),
        (&[1053, 1152, 1184, 1047], "08S01", Disconnected),
        (&[1927, 3169], "70100", Disconnected),
        (&[1205, 1689, 3024, 3572], "HY000", Interrupted),
        (&[1317, 1969], "70100", Interrupted),
        (&[1021, 1026, 1030, 1114, 1037, 1041, 1135, 1180, 3032], "HY000", Unavailable),
        (&[1044, 1049, 1226], "42000", Unavailable),
        (&[1045], "28000", Unavailable),
        (&[1290, 1836], "HY000", ReadOnly),
        (&[1792], "25006", ReadOnly),
        (&[1146], "42S02", NoTable),
        (&[1142, 1143, 1227], "42000", Denied),
        (&[1292], "22007", InvalidTime),
        (&[1062, 1022, 1586], "23000", UniqueViolation),
        (&[1366, 1406, 1264], "22001", InvalidValue),
        (&[1366, 3854, 3988], "HY000", InvalidValue),
    ];
    for (numbers, state, expected) in cases {
        for number in numbers {
            assert_eq!(mysql(*number, state), expected, "{number}");
        }
    }
    assert_eq!(mysql(1153, "08S01"), InvalidValue, "a packet that is too large is so on each connection");
    assert_eq!((mysql(1064, "42000"), mysql(1054, "42S22")), (Defect, Defect));
}

#[test]
fn mysql_error_without_a_state_came_before_the_handshake() {
    for number in [1129, 1130, 3032, 9999] {
        assert_eq!(mysql(number, ""), Unavailable, "{number}");
    }
    assert_eq!((mysql(1040, ""), mysql(1203, "42000")), (TooManyConnections, TooManyConnections));
}

#[test]
fn postgres_state_decides() {
    let cases: [(&[&str], ErrorClass); 12] = [
        (&["40001", "40P01", "40002"], Conflict),
        (&["25P02", "25P03", "25P04", "57P05", "26000"], StaleSession),
        (&["57P01", "57P02", "57P03", "57P04", "08000", "08006", "40003"], Disconnected),
        (&["57014", "55P03", "55006"], Interrupted),
        (&["53000", "53100", "53200", "53400", "58030", "28P01", "3D000", "XX001"], Unavailable),
        (&["25006"], ReadOnly),
        (&["42P01"], NoTable),
        (&["42501"], Denied),
        (&["22007", "22008"], InvalidTime),
        (&["23505", "42P07", "42710"], UniqueViolation),
        (&["22001", "22021", "54000"], InvalidValue),
        (&["42601", "42703", "0A000", "XX000", ""], Defect),
    ];
    for (states, expected) in cases {
        for state in states {
            assert_eq!(postgres(state, "on purpose"), expected, "{state}");
        }
    }
    assert_eq!(postgres("53300", "sorry, too many clients already"), TooManyConnections);
    assert_eq!(postgres("0A000", "cached plan must not change result type"), StaleSession);
}

#[test]
fn sqlite_primary_code_decides_unless_an_extended_one_differs() {
    let cases: [(&[u32], ErrorClass); 8] = [
        (&[5, 6, 261], Busy),
        (&[517, 516], Conflict),
        // IOERR_WRITE, IOERR_FSYNC and CANTOPEN_ISDIR among them.
        (&[7, 10, 778, 1034, 11, 13, 14, 526, 15, 26], Unavailable),
        (&[8, 264, 1032], ReadOnly),
        (&[17], StaleSession),
        (&[1555, 2067], UniqueViolation),
        (&[18], InvalidValue),
        (&[1, 19, 1299, 787], Defect),
    ];
    for (codes, expected) in cases {
        for code in codes {
            assert_eq!(sqlite(*code, "on purpose"), expected, "{code}");
        }
    }
    assert_eq!(sqlite(1, "no such table: cache"), NoTable);
}

#[test]
fn class_says_what_the_caller_does_and_what_becomes_of_the_session() {
    for (class, recovery, keeps) in [
        (Conflict, Recovery::RetryNow, true),
        (StaleSession, Recovery::RetryNow, false),
        (Disconnected, Recovery::RetryLater, false),
        (Interrupted, Recovery::RetryLater, true),
        (Busy, Recovery::RetryLater, true),
        (Unavailable, Recovery::RetryLater, false),
        (TooManyConnections, Recovery::RetryLater, false),
        (ReadOnly, Recovery::RetryLater, false),
        (NoTable, Recovery::RetryLater, true),
        (Denied, Recovery::RetryLater, true),
        (InvalidTime, Recovery::RetryLater, true),
        (UniqueViolation, Recovery::Refuse, true),
        (InvalidValue, Recovery::Refuse, true),
        (Defect, Recovery::Report, true),
    ] {
        assert_eq!((class.recovery(), class.keeps_session()), (recovery, keeps), "{class:?}");
        assert_eq!(class.outdates_sessions(), matches!(class, StaleSession | ReadOnly), "{class:?}");
    }
}
