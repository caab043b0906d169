//! Each threat of SECURITY.md names tests that exist.

use super::{inline_code, read};

/// The rows of the table of threats, each as its cells.
fn threats() -> Vec<Vec<String>> {
    let text = read("SECURITY.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| Threat |")).skip(2);
    rows.take_while(|line| line.starts_with("| "))
        .map(|line| {
            let line = line.replace("\\|", "\u{1}");
            line.trim_matches(['|', ' ']).split(" | ").map(|cell| cell.replace('\u{1}', "|")).collect()
        })
        .collect()
}

/// Whether `name` is the path of a test, as `cargo test` prints it.
fn is_test(name: &str) -> bool {
    let Some((module, function)) = name.rsplit_once("::") else { return false };
    let path = format!("tests/{}", module.replace("::", "/"));
    let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
    let texts = files.iter().filter(|file| super::root().join(file).is_file()).map(|file| read(file));
    texts.into_iter().any(|text| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let declares = |line: &str| line.contains(&format!("fn {function}("));
        // Above the function there is only its attribute.
        lines.windows(2).any(|pair| declares(pair[1]) && pair[0].starts_with("#[") && pair[0].contains("test"))
    })
}

#[test]
fn every_threat_has_a_default_and_a_test() {
    let threats = threats();
    assert!(threats.len() >= 20, "only {} threats", threats.len());
    for row in &threats {
        let [threat, default, tests] = row.as_slice() else { panic!("{row:?} has not three cells") };
        assert!(!default.is_empty(), "{threat}");
        let names = inline_code(tests).0;
        assert!(!names.is_empty(), "{threat} has no test");
        for name in names {
            assert!(is_test(name), "{threat}: {name} is not a test");
        }
    }
}

#[test]
fn name_of_no_test_is_found() {
    assert!(is_test("docs::security::name_of_no_test_is_found"));
    for other in ["docs::security::is_test", "docs::security::missing", "docs::missing::test", "test"] {
        assert!(!is_test(other), "{other}");
    }
}
