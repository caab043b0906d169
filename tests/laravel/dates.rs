use presence_sidecar::laravel::date::{Moment, database, from_database, iso8601, parse, to_json};
use proptest::prelude::*;

use super::vectors::{cases, text};

/// 2026-03-04T05:06:07.25Z, the clock of the recorded cases.
const NOW: i64 = 1_772_600_767_250_000;

#[test]
fn every_recorded_text_names_the_moment_that_carbon_found() {
    for case in cases("laravel-primitives.json", "carbon") {
        let input = text(&case["in"]);
        let read = parse(input, NOW);
        if case["error"].is_string() {
            assert!(read.is_err(), "{input}: {read:?}");
            continue;
        }
        let moment = read.unwrap_or_else(|error| panic!("{input}: {error}"));
        assert_eq!(moment.iso8601(), text(&case["iso8601"]), "{input}");
        assert_eq!(format!("\"{}\"", to_json(moment.micros)), text(&case["json"]), "{input}");
        assert_eq!(moment.database(), text(&case["db"]), "{input}");
        assert_eq!(moment.micros.div_euclid(1_000_000), case["ts"].as_i64().expect("ts"), "{input}");
        assert_eq!(moment.micros.rem_euclid(1_000_000), case["micro"].as_i64().expect("micro"), "{input}");
    }
}

#[test]
fn other_spellings_of_a_moment_are_read_too() {
    for (text, iso, micro) in [
        ("2026-03-04 05:06:07", "2026-03-04T05:06:07+00:00", 0),
        ("2026-03-04 05:06", "2026-03-04T05:06:00+00:00", 0),
        ("2026-03-04T05:06:07.123456789+0200", "2026-03-04T05:06:07+02:00", 123_456),
        ("2026-03-04T05:06:07.5-08", "2026-03-04T05:06:07-08:00", 500_000),
        ("20260304T050607Z", "2026-03-04T05:06:07+00:00", 0),
        ("2026-03-04T24:00:00Z", "2026-03-05T00:00:00+00:00", 0),
        ("2026-063", "2026-03-04T00:00:00+00:00", 0),
        ("2026-03-29 02:30:00 Europe/Paris", "2026-03-29T03:30:00+02:00", 0),
        ("2026-10-25 02:30:00 Europe/Paris", "2026-10-25T02:30:00+01:00", 0),
        ("  2026-03-04T05:06:07Z ", "2026-03-04T05:06:07+00:00", 0),
        ("@-1.5", "1969-12-31T23:59:58+00:00", 500_000),
        ("4 March 2026 5:06 pm", "2026-03-04T17:06:00+00:00", 0),
        ("Thu, 04 Mar 2026 05:06:07 +0100", "2026-03-05T05:06:07+01:00", 0),
        ("05:06", "2026-03-04T05:06:00+00:00", 0),
        ("yesterday", "2026-03-03T00:00:00+00:00", 0),
        ("now", "2026-03-04T05:06:07+00:00", 250_000),
    ] {
        let moment = parse(text, NOW).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((moment.iso8601().as_str(), moment.micros.rem_euclid(1_000_000)), (iso, micro), "{text}");
    }
}

#[test]
fn what_names_no_moment_is_an_error() {
    for text in [
        "abc",
        "2026-02-32",
        "2026-03-04T25:00:00Z",
        "2026-03-04T05:60:00Z",
        "2026-03-04T",
        "T",
        "@",
        "2026-03-04 Mars/Base",
    ] {
        assert!(parse(text, NOW).is_err(), "{text}: {:?}", parse(text, NOW));
    }
}

#[test]
fn a_moment_is_written_in_the_zone_of_the_application() {
    let seen = 1_772_600_767_000_000;
    for case in cases("presence-values.json", "cases") {
        let Some(zone) = case["app_timezone"].as_str() else { continue };
        let written = iso8601(seen, zone.parse().expect("a zone"));
        let stored = text(&case["redis_value"]["text"]);
        assert!(stored.contains(&format!("\"{written}\"")), "{written} in {stored}");
    }
    assert_eq!(iso8601(seen, chrono_tz::Europe::Paris), "2026-03-04T06:06:07+01:00");
    assert_eq!(database(seen, chrono_tz::Asia::Kolkata), "2026-03-04 10:36:07");
}

#[test]
fn a_clock_that_was_put_back_or_forward_is_read_as_php_reads_it() {
    let cases = [
        ("Europe/Berlin", ["2025-10-26 02:00:00", "2025-10-26 02:30:00", "2025-03-30 02:30:00"]),
        ("Europe/London", ["2025-10-26 01:00:00", "2025-10-26 01:59:59", "2025-03-30 01:30:00"]),
        ("Atlantic/Azores", ["2025-10-26 00:00:00", "2025-10-26 00:30:00", "2025-03-30 00:30:00"]),
        ("America/New_York", ["2025-11-02 01:00:00", "2025-11-02 01:30:00", "2025-03-09 02:30:00"]),
        ("America/Los_Angeles", ["2025-11-02 01:00:00", "2025-11-02 01:59:59", "2025-03-09 02:30:00"]),
        ("America/Sao_Paulo", ["2018-02-17 23:00:00", "2018-02-17 23:30:00", "2018-11-04 00:30:00"]),
        ("Australia/Sydney", ["2025-04-06 02:00:00", "2025-04-06 02:30:00", "2025-10-05 02:30:00"]),
        ("Australia/Lord_Howe", ["2025-04-06 01:30:00", "2025-04-06 01:45:00", "2025-10-05 02:15:00"]),
        ("Pacific/Auckland", ["2025-04-06 02:00:00", "2025-04-06 02:59:59", "2025-09-28 02:30:00"]),
    ];
    let script = "for ($i = 1; $i < $argc; $i += 2) \
                  echo (new DateTimeImmutable($argv[$i + 1], new DateTimeZone($argv[$i])))->format(DATE_ATOM), \"\\n\";";
    let mut php = std::process::Command::new("php");
    php.args(["-r", script, "--"]);
    let mut read = Vec::new();
    for (name, texts) in cases {
        let zone = name.parse().expect("a zone");
        for text in texts {
            php.args([name, text]);
            read.push(iso8601(from_database(text, zone).expect("a moment"), zone));
        }
    }
    let output = php.output().expect("php is installed by tests/run");
    assert_eq!(read, String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>());
}

#[test]
fn years_beyond_four_digits_are_written_as_carbon_writes_them() {
    assert_eq!(to_json(253_402_300_800_000_000), "+010000-01-01T00:00:00.000000Z");
    assert_eq!(to_json(-62_198_755_200_000_000), "-000001-01-01T00:00:00.000000Z");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        seconds in -62_135_596_800_i64..253_402_300_800, micro in 0_i64..1_000_000, offset in -13 * 60_i32..14 * 60,
    ) {
        let moment = Moment { micros: seconds * 1_000_000 + micro, offset_seconds: offset * 60 };
        let own = Moment { micros: seconds * 1_000_000, ..moment };
        // Not within a day of the years that have no four digits.
        prop_assume!((-62_135_500_000..253_402_200_000).contains(&seconds));
        prop_assert_eq!(parse(&moment.iso8601(), NOW), Ok(own));
        prop_assert_eq!(parse(&to_json(moment.micros), NOW).map(|read| read.micros), Ok(moment.micros));
    }

    #[test]
    fn the_calendar_agrees_with_chrono(seconds in -100_000_000_000_i64..400_000_000_000) {
        let chrono = chrono::DateTime::from_timestamp(seconds, 0).expect("in range");
        let read = Moment { micros: seconds * 1_000_000, offset_seconds: 0 }.database();
        let year = chrono.format("%Y").to_string();
        let year = year.trim_start_matches('+').parse::<i64>().expect("a year");
        let sign = if year < 0 { "-" } else { "" };
        prop_assert_eq!(read, format!("{sign}{:04}{}", year.abs(), chrono.format("-%m-%d %H:%M:%S")));
    }
}

proptest::proptest! {
    #[test]
    fn the_form_in_records_is_read_in_one_go_as_it_is_read_piece_by_piece(
        seconds in -60_000_000_000_i64..250_000_000_000,
        quarters in -56_i32..=56,
    ) {
        let moment = Moment { micros: seconds * 1_000_000, offset_seconds: quarters * 900 };
        let text = moment.iso8601();
        proptest::prop_assert_eq!(parse(&text, 0), Ok(moment));
        proptest::prop_assert_eq!(parse(&text.replace('T', "t"), 0), Ok(moment));
    }

    #[test]
    fn what_only_looks_like_that_form_is_read_piece_by_piece(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}") {
        proptest::prop_assert_eq!(parse(&text, 0), parse(&text.replace('T', "t"), 0));
    }
}
