//! `.env` files, parsed as by phpdotenv and Laravel.

use presence_sidecar::laravel::dotenv::{DotenvError, parse};
use proptest::prelude::*;

fn read(text: &str) -> Vec<(String, String)> {
    parse(text, &|name| (name == "OUTER").then(|| "outside".to_owned()))
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn value(text: &str) -> String {
    read(text).into_iter().next_back().map(|(_, value)| value).unwrap_or_default()
}

#[test]
fn values_are_parsed_as_by_phpdotenv() {
    for (text, expected) in [
        ("A=b", "b"),
        ("A= b ", "b"),
        ("export AB=b", "b"),
        ("'A'=b", "b"),
        ("A.B_1=b", "b"),
        ("A=", ""),
        ("A=b # comment", "b"),
        ("A=b#comment", "b"),
        ("A=#comment", ""),
        ("A='b # c' # d", "b # c"),
        ("A='b\\n$X'", "b\\n$X"),
        (r#"A="b \"c\" \\ \$D\te""#, "b \"c\" \\ $D\te"),
        ("A=\"b\nc\"", "b\nc"),
        ("A=\"b\r\nc\"\nB=d", "d"),
        ("A=b=c", "b=c"),
        ("A=b\\n", "b\\n"),
        (
            "A=base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=",
            "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=",
        ),
        ("\u{feff}A=b", "b"),
        ("A=b\nA=c", "c"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn only_variables_in_braces_are_expanded() {
    for (text, expected) in [
        ("A=b\nC=${A}/c", "b/c"),
        ("A=b\nC=\"${A}/c\"", "b/c"),
        ("A=b\nC='${A}'", "${A}"),
        ("A=b\nC=\"\\${A}\"", "${A}"),
        ("A=b\nC=$A", "$A"),
        ("C=${NOBODY}", "${NOBODY}"),
        ("C=${OUTER}", "outside"),
        ("OUTER=inside\nC=${OUTER}", "outside"),
        ("A=N\nXN=deep\nC=${X${A}}", "deep"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn special_words_of_env_are_converted() {
    for (text, expected) in [
        ("A=TRUE", Some("true")),
        ("A=(true)", Some("true")),
        ("A=False", Some("false")),
        ("A=empty", Some("")),
        ("A=(empty)", Some("")),
        ("A=null", None),
        ("A=(null)", None),
        ("A", None),
        ("A='\"b\"'", Some("b")),
    ] {
        assert_eq!(read(text).pop().map(|(_, value)| value).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn comments_and_blank_lines_are_ignored() {
    assert_eq!(read("# A=b\n\n   \n  # c\nD=e\n"), [("D".to_owned(), "e".to_owned())]);
}

#[test]
fn error_has_line_and_reason_but_not_the_text() {
    for (text, line, reason) in [
        ("A=b\nB=secret word", 2, "unexpected whitespace"),
        ("A='secret", 1, "a missing closing quote"),
        ("\n\n=secret", 3, "an unexpected equals"),
        ("A B=secret", 1, "an invalid name"),
        ("A=\"sec\\ret\\q\"", 1, "an unexpected escape sequence"),
    ] {
        let error = parse(text, &|_| None).expect_err(text);
        assert_eq!(error, DotenvError { line, reason }, "{text:?}");
        assert!(!error.to_string().contains("secret"));
    }
}

proptest! {
    #[test]
    fn dotenv_never_panics(text in "(?s).{0,100}|[A-C=\"'\\\\$\\{\\}# \r\nent]{0,60}") {
        let _ = parse(&text, &|name| Some(name.to_owned()));
    }
}
