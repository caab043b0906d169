//! Misspelt names are rejected with their source and a suggestion.

use presence_sidecar::config::{Sources, load};

use super::{Workspace, environment, error_of, error_with, load_with};

#[test]
fn unknown_key_is_rejected_with_file_and_suggestion() {
    let workspace = Workspace::new();
    let file = workspace.write("presence.toml", "[cache]\nttl_secnds = 3\n");
    let error = load(&Sources { file: Some(file.clone()), ..environment(&[]) }).unwrap_err().to_string();
    let expected =
        format!("cache.ttl_secnds ({}) is not a known key (did you mean cache.ttl_seconds?)", file.display());
    assert_eq!(error, expected);
}

#[test]
fn key_in_the_wrong_section_gets_a_suggestion() {
    assert!(error_of("ttl_seconds = 3").contains("did you mean cache.ttl_seconds?"));
    assert!(error_of("[redis]\nlisten = []").contains("did you mean"));
    for misspelt in ["ttl_secnds", "ttl_seconds", "ttl"] {
        let error = error_of(&format!("[presence]\n{misspelt} = 3"));
        assert!(error.contains("did you mean cache.ttl_seconds?"), "{error}");
    }
}

#[test]
fn key_without_unit_gets_a_suggestion() {
    assert!(error_of("[cache]\nttl = 3").contains("did you mean cache.ttl_seconds?"));
    assert!(error_of("[redis]\ntimeout = 3").contains("did you mean redis.timeout_ms?"));
}

#[test]
fn dissimilar_key_gets_no_suggestion() {
    let error = error_of("[completely]\ndifferent_matter = 1");
    assert!(error.ends_with("is not a known key"), "{error}");
}

#[test]
fn unknown_key_of_an_endpoint_is_rejected() {
    let error = error_of("[[webhook.endpoints]]\nurl = \"http://a.test\"\nsecrte = \"x\"");
    assert!(error.contains("did you mean webhook.endpoints.secret?"), "{error}");
}

#[test]
fn section_as_a_value_is_rejected() {
    assert!(error_of("cache = 3").contains("is a section"));
    assert!(error_with(&[("PRESENCE__CACHE", "3")]).contains("is a section"));
}

#[test]
fn unknown_double_underscore_name_is_rejected() {
    let error = error_with(&[("PRESENCE__SERVER__BODY_LIMT", "1")]);
    let expected = "server.body_limt (environment PRESENCE__SERVER__BODY_LIMT) is not a known key \
                    (did you mean server.body_limit?)";
    assert_eq!(error, expected);
    assert!(error_with(&[("PRESENCE__WEBHOOK__ENDPOINTS[]__URL", "x")]).contains("is not a known key"));
}

#[test]
fn unknown_presence_name_causes_a_warning() {
    let warnings = load_with(&[("PRESENCE_TTTL", "3"), ("PRESENCEX", "1"), ("HOME", "/")]).warnings;
    assert_eq!(warnings, ["environment PRESENCE_TTTL is not a known name (did you mean PRESENCE_TTL?)"]);
}

#[test]
fn wrong_kind_is_rejected_with_value_and_layer() {
    let error = error_with(&[("PRESENCE_TTL", "soon")]);
    assert_eq!(error, "cache.ttl_seconds = \"soon\" (environment PRESENCE_TTL) must be a whole number");
    assert!(error_of("[cache]\nttl_seconds = 1.5").contains("must be a whole number"));
    assert!(error_of("[server]\nlisten = \"x\"").contains("must be a list of strings"));
    assert!(error_of("driver = 1").contains("must be a string"));
    assert!(error_of("[webhook.send_on]\naway = \"yes\"").contains("must be true or false"));
    assert!(error_of("[webhook]\nendpoints = [1]").contains("array of tables"));
    assert!(error_of("[webhook]\nheaders = { a = 1 }").contains("must be a table of strings"));
    assert!(error_of("storage = 2026-01-01").contains("must be a string"));
}

#[test]
fn invalid_toml_is_rejected_with_its_line_and_without_its_text() {
    let error = error_of("[webhook]\nsecret = hush-hush-hush\n");
    assert!(error.contains("presence.toml line 2 is not valid TOML"), "{error}");
    assert!(!error.contains("hush") && !error.contains('\n'), "{error}");
}

#[test]
fn missing_file_is_rejected() {
    let sources = Sources { file: Some("/nonexistent/presence.toml".into()), ..environment(&[]) };
    assert_eq!(load(&sources).unwrap_err().to_string(), "/nonexistent/presence.toml does not exist");
}

#[test]
fn file_that_is_not_utf8_is_rejected() {
    let workspace = Workspace::new();
    let file = workspace.path("presence.toml");
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    let error = load(&Sources { file: Some(file), ..environment(&[]) }).unwrap_err().to_string();
    assert!(error.ends_with("is not UTF-8 text"), "{error}");
}
