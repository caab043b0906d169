//! Dates that PHP and Carbon parse in the same test, for comparison.

use presence_sidecar::php::date::{ParsedDate, from_database, from_float, iso8601, parse};

/// 2026-03-04T05:06:07.25Z, the time of PHP in these tests.
const NOW: i64 = 1_772_600_767_250_000;

/// Runs a PHP script with `texts` as arguments; returns the printed lines.
fn php(script: &str, texts: &[&str]) -> Vec<String> {
    let mut php = crate::support::command("laravel");
    php.args(["-d", "date.timezone=UTC", "-r", script, "--"]).args(texts);
    let output = php.output().expect("PHP starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The format of the scripts: microseconds, and the offset.
fn printed(read: Option<ParsedDate>) -> String {
    read.map_or("none".to_owned(), |moment| {
        let text = moment.iso8601();
        format!("{}.{:06}{}", &text[..19], moment.micros.rem_euclid(1_000_000), &text[19..])
    })
}

/// Texts with a date, in the formats of PHP's constants, C, browsers, servers and people.
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
fn dates_in_common_formats_parse_as_in_php() {
    require!("laravel");
    let script = "for ($i = 1; $i < $argc; $i++) try { echo (new DateTimeImmutable($argv[$i]))->format('Y-m-d\\TH:i:s.uP'), \"\\n\"; } \
                  catch (Exception) { echo \"none\\n\"; }";
    for (text, expected) in DATED.iter().zip(php(script, DATED)) {
        assert_eq!(printed(parse(text, NOW).ok()), expected, "{text}");
    }
}

#[test]
fn zone_abbreviations_parse_as_in_php() {
    require!("laravel");
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
fn steps_without_a_date_are_relative_to_now() {
    require!("laravel");
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
fn numbers_are_seconds_as_in_carbon() {
    require!("laravel");
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
fn ambiguous_time_with_a_zone_is_the_earlier_one() {
    require!("laravel");
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
fn ambiguous_and_skipped_database_times_are_as_in_php() {
    require!("laravel");
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
    let mut php = crate::support::command("laravel");
    php.args(["-r", script, "--"]);
    let mut read = Vec::new();
    for (name, texts) in cases {
        let zone = name.parse().expect("a zone");
        for text in texts {
            php.args([name, text]);
            read.push(iso8601(from_database(text, zone).expect("a moment"), zone));
        }
    }
    let output = php.output().expect("PHP starts");
    assert_eq!(read, String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>());
}
