//! Listeners, proxies and origins.

use presence_sidecar::config::Listen;

use super::{config_of, config_with, environment, error_of, error_with, listen_flag};

#[test]
fn listen_addresses_are_tcp_or_unix() {
    let config = config_with(&[("PRESENCE_LISTEN", "0.0.0.0:80, [::1]:8137,localhost:0,unix:/run/p.sock")]);
    let expected = [
        Listen::Tcp("0.0.0.0:80".into()),
        Listen::Tcp("[::1]:8137".into()),
        Listen::Tcp("localhost:0".into()),
        Listen::Unix("/run/p.sock".into()),
    ];
    assert_eq!(config.server.listen, expected);
    for listen in expected {
        assert_eq!(listen.to_string().parse::<Listen>(), Ok(listen));
    }
}

#[test]
fn invalid_listen_address_is_rejected() {
    for wrong in ["8137", ":8137", "host", "host:", "host:99999", "host:+1", "::1:80", "[::x]:1", "unix:", "a/b:1"] {
        let error = error_with(&[("PRESENCE_LISTEN", wrong)]);
        let expected = format!("has \"{wrong}\", which must be `host:port` or `unix:/path/to.sock`");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn error_about_a_flag_names_the_flag() {
    let mut sources = environment(&[]);
    sources.flags = listen_flag("nowhere");
    let error = presence_sidecar::config::load(&sources).unwrap_err().to_string();
    assert!(error.starts_with("server.listen = [\"nowhere\"] (flag --listen)"), "{error}");
}

#[test]
fn listeners_must_be_present_and_distinct() {
    assert!(error_of("[server]\nlisten = []").contains("at least one address"));
    assert!(error_with(&[("PRESENCE_LISTEN", "a:1,b:1,a:1")]).contains("has a:1 more than once"));
    let shared = "[server]\nlisten = [\"a:1\"]\n[metrics]\nlisten = [\"a:1\"]";
    assert!(error_of(shared).starts_with("metrics.listen"));
    let chosen = "[server]\nlisten = [\"a:0\", \"a:0\"]\n[metrics]\nlisten = [\"a:0\"]";
    assert_eq!(config_of(chosen).server.listen.len(), 2);
}

#[test]
fn trusted_proxies_are_addresses_or_networks() {
    let config = config_of("[server]\ntrusted_proxies = [\"10.1.2.3\", \"10.1.2.3/8\", \"fd00::/8\"]");
    let proxies: Vec<String> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.1.2.3/32", "10.0.0.0/8", "fd00::/8"]);
    for wrong in ["*", "10.0.0.0/33", "proxy.test", ""] {
        let error = error_of(&format!("[server]\ntrusted_proxies = [\"{wrong}\"]"));
        assert!(error.contains("must be an address or a network"), "{error}");
    }
}

#[test]
fn allowed_origins_have_the_form_that_browsers_send() {
    let config = config_of("[server]\nallowed_origins = [\"https://App.test:443/\", \"http://localhost:5173\"]");
    assert_eq!(config.server.allowed_origins, ["https://app.test", "http://localhost:5173"]);
    assert_eq!(config_of("[server]\nallowed_origins = [\"*\"]").server.allowed_origins, ["*"]);
    for wrong in ["app.test", "https://app.test/path", "https://u@app.test", "https://*.test/?x", "null"] {
        let error = error_of(&format!("[server]\nallowed_origins = [\"{wrong}\"]"));
        assert!(error.contains("must be an origin such as"), "{error}");
    }
    assert!(error_of("[server]\nallowed_origins = [\"*\", \"https://a.test\"]").contains("has * and other origins"));
}
