//! Parsing and formatting of dates, without PHP.

use presence_sidecar::php::date::{ParsedDate, database, iso8601, parse, to_json};
use proptest::prelude::*;

use super::vectors::{cases, text};

/// 2026-03-04T05:06:07.25Z, the time of the recordings.
const NOW: i64 = 1_772_600_767_250_000;

#[test]
fn recorded_texts_parse_as_in_carbon() {
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
fn other_formats_parse() {
    for (text, iso, micro) in [
        ("2026-03-04 05:06:07", "2026-03-04T05:06:07+00:00", 0),
        ("2026-03-04 05:06", "2026-03-04T05:06:00+00:00", 0),
        ("2026-03-04T05:06:07.123456789+0200", "2026-03-04T05:06:07+02:00", 123_456),
        ("2026-03-04T05:06:07.5-08", "2026-03-04T05:06:07-08:00", 500_000),
        ("20260304T050607Z", "2026-03-04T05:06:07+00:00", 0),
        ("2026-03-04T24:00:00Z", "2026-03-05T00:00:00+00:00", 0),
        ("2026-063", "2026-03-04T00:00:00+00:00", 0),
        ("2026-03-29 02:30:00 Europe/Paris", "2026-03-29T03:30:00+02:00", 0),
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
fn invalid_texts_are_rejected() {
    for text in [
        "abc",
        "2026-02-32",
        "2026-03-04T25:00:00Z",
        "2026-03-04T05:60:00Z",
        "2026-03-04T",
        "T",
        "@",
        "2026-03-04 Mars/Base",
        ",",
        "Wed",
        "Europe/Paris",
        "2026-03-04 05:06 +01 -01",
        "+999999999999 days",
        "tomorrow Europe/Paris",
    ] {
        assert!(parse(text, NOW).is_err(), "{text}: {:?}", parse(text, NOW));
    }
}

#[test]
fn times_are_formatted_in_the_zone_of_the_application() {
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
fn years_beyond_four_digits_are_formatted_as_by_carbon() {
    assert_eq!(to_json(253_402_300_800_000_000), "+010000-01-01T00:00:00.000000Z");
    assert_eq!(to_json(-62_198_755_200_000_000), "-000001-01-01T00:00:00.000000Z");
}

proptest! {
    #[test]
    fn formatted_times_parse_to_the_same_time(
        seconds in -62_135_596_800_i64..253_402_300_800, micro in 0_i64..1_000_000, offset in -13 * 60_i32..14 * 60,
    ) {
        let moment = ParsedDate { micros: seconds * 1_000_000 + micro, offset_seconds: offset * 60 };
        let own = ParsedDate { micros: seconds * 1_000_000, ..moment };
        // Not within a day of the years that have no four digits.
        prop_assume!((-62_135_500_000..253_402_200_000).contains(&seconds));
        prop_assert_eq!(parse(&moment.iso8601(), NOW), Ok(own));
        prop_assert_eq!(parse(&to_json(moment.micros), NOW).map(|read| read.micros), Ok(moment.micros));
    }

    #[test]
    fn calendar_agrees_with_chrono(seconds in -100_000_000_000_i64..400_000_000_000) {
        let chrono = chrono::DateTime::from_timestamp(seconds, 0).expect("in range");
        let read = ParsedDate { micros: seconds * 1_000_000, offset_seconds: 0 }.database();
        let year = chrono.format("%Y").to_string();
        let year = year.trim_start_matches('+').parse::<i64>().expect("a year");
        let sign = if year < 0 { "-" } else { "" };
        prop_assert_eq!(read, format!("{sign}{:04}{}", year.abs(), chrono.format("-%m-%d %H:%M:%S")));
    }
}

proptest::proptest! {
    #[test]
    fn fast_path_agrees_with_the_general_parser(
        seconds in -60_000_000_000_i64..250_000_000_000,
        quarters in -56_i32..=56,
    ) {
        let moment = ParsedDate { micros: seconds * 1_000_000, offset_seconds: quarters * 900 };
        let text = moment.iso8601();
        proptest::prop_assert_eq!(parse(&text, 0), Ok(moment));
        proptest::prop_assert_eq!(parse(&text.replace('T', "t"), 0), Ok(moment));
    }

    #[test]
    fn fast_path_rejects_what_the_general_parser_rejects(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}") {
        proptest::prop_assert_eq!(parse(&text, 0), parse(&text.replace('T', "t"), 0));
    }

    #[test]
    fn parse_never_panics_on_date_like_texts(
        words in proptest::collection::vec("[0-9]{1,9}|[+-]|[a-zA-Z]{1,9}|[:/.,()@ T-]|days?|years?|ago|mar|utc|Europe/Paris|\\PC", 0..12),
        now in proptest::prelude::any::<i64>(),
        apart in "[ ]?",
    ) {
        _ = parse(&words.join(&apart), now);
    }
}
