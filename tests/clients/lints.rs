//! Linters find nothing in the document, no hint either.

use super::{assert_success, document, node, node_program};

#[test]
fn spectral_finds_nothing_in_the_document() {
    require!(&node());
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, "extends: [\"spectral:oas\"]\n").unwrap();
    let mut spectral = node_program("spectral");
    spectral.args(["lint", "--fail-severity", "hint", "--ruleset"]).arg(&rules).arg(document());
    let printed = assert_success(&spectral.output().unwrap());
    assert!(printed.contains("No results with a severity of 'hint' or higher found!"), "{printed}");
}

#[test]
fn redocly_finds_nothing_in_the_document() {
    require!(&node());
    let mut redocly = node_program("redocly");
    redocly.args(["lint", "--extends", "recommended-strict", "--format", "stylish"]).arg(document());
    let output =
        redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true").output().unwrap();
    let printed = assert_success(&output);
    let report = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.contains("Your API description is valid") && !report.contains("warning"), "{report}");
}
