use presence_sidecar::laravel::trim::trim;

use crate::php::vectors::{bytes, cases};

#[test]
fn strings_are_trimmed_as_by_laravel() {
    let cases = cases("laravel-primitives.json", "str_trim");
    assert!(cases.len() > 10);
    for case in cases {
        let text = String::from_utf8(bytes(&case["in"])).unwrap();
        assert_eq!(trim(&text).as_bytes(), bytes(&case["out"]), "{case}");
    }
}
