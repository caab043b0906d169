use presence_sidecar::php::date::{ParsedDate, database, from_database, from_float, iso8601, parse, to_json};
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

/// What PHP prints, a line for each of `texts`.
fn php(script: &str, texts: &[&str]) -> Vec<String> {
    let mut php = std::process::Command::new("php");
    php.args(["-d", "date.timezone=UTC", "-r", script, "--"]).args(texts);
    let output = php.output().expect("php is installed by tests/run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// As the scripts print it: microseconds, and the offset.
fn printed(read: Option<ParsedDate>) -> String {
    read.map_or("none".to_owned(), |moment| {
        let text = moment.iso8601();
        format!("{}.{:06}{}", &text[..19], moment.micros.rem_euclid(1_000_000), &text[19..])
    })
}

/// Texts with a date, in the spellings of PHP's constants, of C, of browsers, of servers and of people.
const DATED: &[&str] = &[
    "Wednesday, 04-Mar-26 05:06:07 UTC",
    "Wed, 04 Mar 26 05:06:07 +0000",
    "Wed, 04-Mar-2026 05:06:07 GMT",
    "04-Mar-26",
    "04-Mar-69",
    "04-Mar-70T05:06:07",
    "4 Mar 99",
    "04mar26",
    "3/4/26",
    "03/04/70 05:06",
    "3/4/126",
    "26-3-4",
    "26-03-04T05:06:07",
    "126-03-04T05:06:07",
    "70-12-31",
    "4-3-26",
    "31-12-26",
    "04-03-2026",
    "26-Apr-30",
    "Wed Mar  4 05:06:07 2026",
    "Thu Mar 4 05:06:07 2026",
    "Mar 4 05:06 2026",
    "Wed Mar 04 05:06:07 +0000 2026",
    "Wed Mar 04 2026 05:06:07 GMT+0100 (CET)",
    "Wed Mar 04 2026 05:06:07 GMT+0100",
    "Wed Mar 04 2026 05:06:07 GMT+0100 (Central European Standard Time)",
    "March 4 2026",
    "March 4th, 2026",
    "4th March 2026",
    "1st Mar 26",
    "2nd March 2026 05:06",
    "March 4th 2026 5pm",
    "Sept 4 2026",
    "sept. 4, 2026",
    "Apr-30-2026",
    "Apr-30-26",
    "March 2026",
    "2026 March",
    "2026-Apr-30",
    "0 March 2026",
    "20260304050607",
    "20260304050607Z",
    "20260304050607 +0100",
    "202603040506",
    "10/Oct/2000:13:55:36 -0700",
    "2008:08:07 18:11:31",
    "2008:08:07",
    "2026-03-04T05",
    "2026-03-04T05Z",
    "2026-03-04T25",
    "2026-03-04 05",
    "2026-03-04T05.06.07",
    "2026-03-04 05.06",
    "2026-03-04 5am",
    "2026-03-04 5 pm",
    "2026-03-04:05:06:07",
    "4 Mar 05:06:07",
    "March 32 2026",
    "13/1/26",
    "2026-03-04 05:06:07 (UTC)",
    "2026-03-04 05:06:07(CET)",
    "2026-03-04 05:06:07 UTC CET",
    "2026-03-04 05:06:07 UTC (CET) EST",
    "2026-03-04 05:06:07 CET +0200",
    "2026-03-04T05:06:07 GMT+02:00",
    "2026-03-04T05:06:07GMT+2",
    "2026-03-04T05:06:07 UTC+02:00",
    "2026-07-04 05:06:07 CET",
    "2026-07-04 05:06:07 cest",
    "2026-03-04 05:06:07 J",
    "2026-03-04 05:06:07 XYZ",
    "2026-03-04 +1 day",
    "2026-03-04 05:06:07 +1 hour",
    "2026-03-04 05:06:07 UTC +1 hour",
    "2026-03-04 05:06:07 -30 minutes",
    "2026-03-04T05:06:07.5Z +1 day -2 sec",
    "2026-03-04T05:06:07 5 hours",
    "2026-03-04T05:06:07 +5 hours ago",
    "2026-03-04 05:06:07 +05:30 -1 day",
    "2026-01-31 +1 month",
    "2026-03-31 -1 month -1 day",
    "2024-02-29 +1 year",
    "2026-03-04 +-1 day",
    "2026-03-04 --1 day",
    "2026-03-04 +1 fortnight +250 msec",
    "Thu, 04 Mar 2026 05:06:07 +1 day",
    "2026-03-04 05:06:07 Europe/Paris +1 hour",
    "2026-03-29 01:30:00 Europe/Paris +1 hour",
    "2026-03-29 01:30:00 Europe/Paris +1 day",
    "2026-03-28 02:30:00 Europe/Paris +1 day",
];

#[test]
fn dates_in_every_usual_spelling_are_read_as_php_reads_them() {
    let script = "for ($i = 1; $i < $argc; $i++) try { echo (new DateTimeImmutable($argv[$i]))->format('Y-m-d\\TH:i:s.uP'), \"\\n\"; } \
                  catch (Exception) { echo \"none\\n\"; }";
    for (text, expected) in DATED.iter().zip(php(script, DATED)) {
        assert_eq!(printed(parse(text, NOW).ok()), expected, "{text}");
    }
}

#[test]
fn abbreviations_mean_the_zones_that_php_takes_them_for() {
    let script = "foreach ([...array_keys(DateTimeZone::listAbbreviations()), ...range('a', 'z')] as $name) \
                  try { $date = @new DateTimeImmutable(\"2026-07-04 05:06:07 $name\"); \
                  if ($date->getOffset() % 1800 === 0) echo $name, ' ', $date->format('Y-m-d\\TH:i:s.uP'), \"\\n\"; } \
                  catch (Exception) { }";
    let known = php(script, &[]);
    assert!(known.len() > 100);
    for line in known {
        let (name, expected) = line.split_once(' ').expect("a name");
        for name in [name.to_owned(), name.to_ascii_uppercase()] {
            let read = parse(&format!("2026-07-04 05:06:07 {name}"), NOW).ok();
            assert_eq!(printed(read), expected, "{name}");
        }
    }
}

#[test]
fn steps_without_a_date_go_from_now() {
    let texts = [
        "+1 day",
        "-1 hour",
        "+1 week",
        "1 hour ago",
        "2 days ago",
        "+2 days 3 hours",
        "+ 1 day",
        "-1 month",
        "+1 YEAR",
        "+30 sec",
        "-90 seconds",
        "+5 msec",
        "+7 microseconds",
        "1day",
        "tomorrow +1 hour",
        "today +90 minutes",
        "noon +1 day",
        "yesterday -1 sec",
        "+1 hour +1 day",
        "ago",
    ];
    let script = "for ($i = 1; $i < $argc; $i++) { \
                  $date = @(new DateTimeImmutable('2026-03-04 05:06:07.25'))->modify($argv[$i]); \
                  echo $date ? $date->format('Y-m-d\\TH:i:s.uP') : 'none', \"\\n\"; }";
    for (text, expected) in texts.iter().zip(php(script, &texts)) {
        assert_eq!(printed(parse(text, NOW).ok()), expected, "{text}");
    }
}

#[test]
fn numbers_are_seconds_as_carbon_reads_them() {
    let script = "error_reporting(0); require '/usr/share/php/Illuminate/autoload.php'; for ($i = 1; $i < $argc; $i++) \
                  { try { $date = Carbon\\Carbon::parse($argv[$i] === (string) (float) $argv[$i] ? (float) $argv[$i] : $argv[$i]); \
                  echo $date->format('Y-m-d\\TH:i:s.uP'), \"\\n\"; } catch (Exception) { echo \"none\\n\"; } }";
    let floats = ["1772600767.25", "-1.5", "0.1", "1772600767.1234", "12.5"];
    for (text, expected) in floats.iter().zip(php(script, &floats)) {
        let micros = from_float(text.parse().expect("a float")).expect("a moment");
        assert_eq!(printed(Some(ParsedDate { micros, offset_seconds: 0 })), expected, "{text}");
    }
    let texts =
        ["1772600767.1234567", "1772600767.9999994", "-1.1234567", ".5", "+5", "-5", "@-1.5", "@+5", "@1.1234567"];
    for (text, expected) in texts.iter().zip(php(script, &texts)) {
        assert_eq!(printed(parse(text, NOW).ok()), expected, "{text}");
    }
    for none in [f64::NAN, f64::INFINITY, 1e20, -1e300] {
        assert_eq!(from_float(none), None);
    }
}

#[test]
fn an_hour_that_clocks_show_twice_is_the_first_one_if_its_zone_stands_beside_it() {
    let texts = [
        "2026-10-25 02:30:00 Europe/Paris",
        "2026-10-25 02:00:00 Europe/Paris",
        "2026-10-25 03:00:00 Europe/Paris",
        "2026-10-25 01:30:00 Europe/London",
        "2026-11-01 01:30:00 America/New_York",
        "2026-04-05 02:30:00 Australia/Sydney",
        "2026-04-05 01:45:00 Australia/Lord_Howe",
        "2026-03-29 02:30:00 Europe/Paris",
    ];
    let script =
        "for ($i = 1; $i < $argc; $i++) echo (new DateTimeImmutable($argv[$i]))->format('Y-m-d\\TH:i:s.uP'), \"\\n\";";
    for (text, expected) in texts.iter().zip(php(script, &texts)) {
        assert_eq!(printed(parse(text, NOW).ok()), expected, "{text}");
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
        let moment = ParsedDate { micros: seconds * 1_000_000 + micro, offset_seconds: offset * 60 };
        let own = ParsedDate { micros: seconds * 1_000_000, ..moment };
        // Not within a day of the years that have no four digits.
        prop_assume!((-62_135_500_000..253_402_200_000).contains(&seconds));
        prop_assert_eq!(parse(&moment.iso8601(), NOW), Ok(own));
        prop_assert_eq!(parse(&to_json(moment.micros), NOW).map(|read| read.micros), Ok(moment.micros));
    }

    #[test]
    fn the_calendar_agrees_with_chrono(seconds in -100_000_000_000_i64..400_000_000_000) {
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
    fn the_form_in_records_is_read_in_one_go_as_it_is_read_piece_by_piece(
        seconds in -60_000_000_000_i64..250_000_000_000,
        quarters in -56_i32..=56,
    ) {
        let moment = ParsedDate { micros: seconds * 1_000_000, offset_seconds: quarters * 900 };
        let text = moment.iso8601();
        proptest::prop_assert_eq!(parse(&text, 0), Ok(moment));
        proptest::prop_assert_eq!(parse(&text.replace('T', "t"), 0), Ok(moment));
    }

    #[test]
    fn what_only_looks_like_that_form_is_read_piece_by_piece(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}") {
        proptest::prop_assert_eq!(parse(&text, 0), parse(&text.replace('T', "t"), 0));
    }

    #[test]
    fn nothing_that_looks_like_a_date_ends_the_process(
        words in proptest::collection::vec("[0-9]{1,9}|[+-]|[a-zA-Z]{1,9}|[:/.,()@ T-]|days?|years?|ago|mar|utc|Europe/Paris|\\PC", 0..12),
        now in proptest::prelude::any::<i64>(),
        apart in "[ ]?",
    ) {
        _ = parse(&words.join(&apart), now);
    }
}
