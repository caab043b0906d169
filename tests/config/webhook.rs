//! `[webhook]` and `[[webhook.endpoints]]`.

use std::time::Duration;

use presence_sidecar::config::{Algo, Network};
use secrecy::ExposeSecret;

use super::{config_of, error_of, error_with, load_file};

const BASE: &str = "driver = \"webhook\"\n[webhook]\nurl = \"https://app.test/hook\"\nsecret = \"base64:abc=\"\n";

#[test]
fn webhook_driver_requires_a_url_and_a_secret() {
    let error = error_with(&[("PRESENCE_DRIVER", "webhook")]);
    assert_eq!(error, "driver = \"webhook\" (environment PRESENCE_DRIVER) needs webhook.url: set PRESENCE_WEBHOOK_URL");
    let error = error_with(&[("PRESENCE_DRIVER", "webhook"), ("PRESENCE_WEBHOOK_URL", "http://a.test")]);
    assert!(
        error.contains("has no signing secret (an empty one does not count): set PRESENCE_WEBHOOK_SECRET"),
        "{error}"
    );
}

#[test]
fn webhook_section_is_the_default_endpoint() {
    let config = config_of(BASE);
    let [endpoint] = config.webhook.endpoints.as_slice() else { panic!("one endpoint") };
    assert_eq!((endpoint.name.as_str(), endpoint.url.as_str()), ("default", "https://app.test/hook"));
    assert_eq!(endpoint.secret.as_written().expose_secret(), "base64:abc=", "a secret is used as written");
    assert_eq!((endpoint.algo, endpoint.timeout), (Algo::Sha256, Duration::from_secs(3)));
    assert_eq!(endpoint.signature_header, "X-Presence-Signature");
    let send_on = endpoint.send_on;
    assert!(send_on.online && send_on.offline && send_on.away && !send_on.heartbeat);
}

#[test]
fn endpoint_falls_back_to_the_section() {
    let config = config_of(&format!(
        "{BASE}previous_secrets = [\"old\"]\nalgo = \"sha512\"\nheaders = {{ \"X-A\" = \"1\" }}\ntimeout = 9\n\
         [[webhook.endpoints]]\nurl = \"http://crm.test:81/\"\n\
         [[webhook.endpoints]]\nname = \"own\"\nurl = \"http://own.test\"\nsecret = \"mine\"\nalgo = \"md5\"\n\
         signature_header = \"X-Sig\"\nheaders = {{}}\ntimeout = 2\nsend_on = {{ heartbeat = true, away = false }}\n"
    ));
    let [_, crm, own] = config.webhook.endpoints.as_slice() else { panic!("three endpoints") };
    assert_eq!(
        (crm.name.as_str(), crm.secret.as_written().expose_secret(), crm.algo),
        ("crm.test", "base64:abc=", Algo::Sha512)
    );
    assert_eq!((crm.previous_secrets.len(), crm.headers.len(), crm.timeout.as_secs()), (1, 1, 9));
    assert_eq!((own.name.as_str(), own.secret.as_written().expose_secret(), own.algo), ("own", "mine", Algo::Md5));
    assert_eq!((own.previous_secrets.len(), own.headers.len(), own.timeout.as_secs()), (0, 0, 2));
    assert_eq!(own.signature_header, "X-Sig");
    assert!(own.send_on.heartbeat && own.send_on.online && !own.send_on.away);
}

#[test]
fn webhook_driver_accepts_endpoints_without_a_section_url() {
    let config = config_of("driver = \"webhook\"\n[[webhook.endpoints]]\nurl = \"http://a.test\"\nsecret = \"x\"");
    assert_eq!(config.webhook.endpoints.len(), 1);
}

#[test]
fn error_names_the_endpoint() {
    let error =
        error_of(&format!("{BASE}[[webhook.endpoints]]\nurl = \"http://a\"\n[[webhook.endpoints]]\nurl = \"ftp://b\""));
    assert!(error.starts_with("webhook.endpoints[1].url = \"ftp://b\" (/"), "{error}");
    let error = error_of(&format!("{BASE}[[webhook.endpoints]]\nname = \"b\""));
    assert_eq!(error, "webhook.endpoints[0].url is missing");
    let error = error_of(&format!("{BASE}[[webhook.endpoints]]\nurl = \"http://a\"\nalgo = \"crc32\""));
    assert!(error.starts_with("webhook.endpoints[0].algo = \"crc32\""), "{error}");
}

#[test]
fn duplicate_endpoint_names_are_rejected() {
    let twice = "[[webhook.endpoints]]\nurl = \"http://a.test/1\"\n[[webhook.endpoints]]\nurl = \"http://a.test/2\"\n";
    assert!(error_of(&format!("{BASE}{twice}")).contains("has \"a.test\" twice"));
    assert!(error_of(&format!("{BASE}[[webhook.endpoints]]\nname = \"a b\"\nurl = \"http://a\"")).contains(".name"));
}

#[test]
fn unknown_algorithm_is_rejected_with_the_list() {
    for algo in Algo::ALL {
        let config = config_of(&format!("{BASE}algo = \"{algo}\""));
        assert_eq!(config.webhook.endpoints[0].algo, algo);
    }
    let error = error_of(&format!("{BASE}algo = \"rot13\""));
    assert!(error.contains("must be one of sha256, sha224, sha384, sha512, sha512/256, sha3-256"), "{error}");
}

#[test]
fn webhook_url_must_be_http_without_a_user() {
    let error = |url: &str| {
        error_with(&[("PRESENCE_DRIVER", "webhook"), ("PRESENCE_WEBHOOK_SECRET", "s"), ("PRESENCE_WEBHOOK_URL", url)])
    };
    assert!(error("app.test/hook").contains("must be an http or https URL"));
    assert!(error("http://app.test:0/hook").contains("must not have port 0"));
    assert!(error("file:///etc/passwd").contains("must be an http or https URL"));
    assert!(error("https://ada:hush@app.test").contains("set an Authorization header in webhook.headers"));
}

#[test]
fn webhook_url_with_a_forbidden_address_is_rejected() {
    let error = |url: &str| error_of(&BASE.replace("https://app.test/hook", url));
    for url in ["http://169.254.169.254/x", "http://[::ffff:169.254.169.254]/", "http://0xa9fea9fe/", "http://0/"] {
        assert!(error(url).contains("webhook.allowed_networks, or is never allowed"), "{url}: {}", error(url));
    }
    let narrow = format!("{}allowed_networks = [\"loopback\"]\n", BASE.replace("app.test", "127.0.0.1"));
    assert_eq!(config_of(&narrow).webhook.endpoints.len(), 1);
    let elsewhere = error_of(&format!("{narrow}[[webhook.endpoints]]\nurl = \"http://10.0.0.1/\""));
    assert!(elsewhere.starts_with("webhook.endpoints[0].url = \"http://10.0.0.1/\""), "{elsewhere}");
}

#[test]
fn empty_secret_is_rejected() {
    let error = error_of(&BASE.replace("base64:abc=", ""));
    assert!(error.contains("(an empty one does not count)"), "{error}");
}

#[test]
fn invalid_headers_are_rejected() {
    for header in ["\"a b\" = \"x\"", "\"Host\" = \"x\"", "\"webhook-id\" = \"x\"", "\"X-A\" = \"a\\r\\nb\""] {
        let error = error_of(&format!("{BASE}headers = {{ {header} }}"));
        assert!(error.starts_with("webhook.headers = "), "{error}");
    }
    for header in ["x-presence-signature", "X-Presence-Signature"] {
        let error = error_of(&format!("{BASE}headers = {{ {header} = \"x\" }}"));
        assert!(error.contains(&format!("must not contain the header \"{header}\"")), "{error}");
    }
    let own = format!("{BASE}signature_header = \"X-Sig\"\nheaders = {{ X-sig = \"x\" }}");
    assert!(error_of(&own).contains("must not contain the header \"X-sig\""));
    assert!(error_of(&format!("{BASE}signature_header = \"a b\"")).contains("is not a valid name for this header"));
    assert!(
        error_of(&format!("{BASE}signature_header = \"webhook-id\"")).contains("is not a valid name for this header")
    );
}

#[test]
fn header_that_is_set_already_is_rejected() {
    for (headers, name) in [
        ("\"X-Presence-Signature\" = \"t=1,v1=00\"", "X-Presence-Signature"),
        ("\"x-presence-SIGNATURE\" = \"t=1,v1=00\"", "x-presence-SIGNATURE"),
        ("\"X-A\" = \"1\", \"x-a\" = \"2\"", "x-a"),
    ] {
        let error = error_of(&format!("{BASE}headers = {{ {headers} }}"));
        assert!(error.contains(&format!("must not contain the header {name:?} again")), "{error}");
    }
    let inherited =
        "headers = { \"X-Own\" = \"1\" }\n[[webhook.endpoints]]\nurl = \"http://b\"\nsignature_header = \"x-own\"";
    assert!(error_of(&format!("{BASE}{inherited}")).starts_with("webhook.headers = "));
}

#[test]
fn whsec_secret_that_receivers_cannot_decode_stops_the_start() {
    for (secret, problem) in [
        ("whsec_", "is not base64 after whsec_"),
        ("whsec_not base64", "is not base64 after whsec_"),
        ("whsec_aaaaa", "is not base64 after whsec_"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-", "write + for each - and / for each _"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_", "write + for each - and / for each _"),
    ] {
        let error = error_of(&BASE.replace("base64:abc=", secret));
        assert!(error.starts_with("webhook.secret = \"********\"") && error.contains(problem), "{error}");
        let error = error_of(&format!("{BASE}previous_secrets = [\"fine\", \"{secret}\"]"));
        assert!(error.contains("entry 2: ") && error.contains(problem), "{error}");
        let error = error_of(&format!("{BASE}[[webhook.endpoints]]\nurl = \"http://b.test\"\nsecret = \"{secret}\""));
        assert!(error.starts_with("webhook.endpoints[0].secret") && error.contains(problem), "{error}");
    }
}

#[test]
fn schedule_has_durations_with_units() {
    let config = config_of("[webhook]\nschedule = [\"1s\", \"2m\", \"3h\", \"4d\"]");
    let seconds: Vec<u64> = config.webhook.schedule.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [1, 120, 10_800, 345_600]);
    assert!(config_of("[webhook]\nschedule = []").webhook.schedule.is_empty());
    for wrong in ["5", "s", "", "0s", "5 minutes", "-5s", "5µ", "99999999999999999999d", "999d"] {
        let error = error_of(&format!("[webhook]\nschedule = [\"{wrong}\"]"));
        assert!(error.contains("must be a number and a unit"), "{error}");
    }
}

#[test]
fn allowed_networks_are_words_or_ranges() {
    let config = config_of("[webhook]\nallowed_networks = [\"loopback\", \"10.1.0.0/16\", \"192.0.2.7\"]");
    let [Network::Loopback, Network::Range(range), Network::Range(single)] = config.webhook.allowed_networks[..] else {
        panic!("{:?}", config.webhook.allowed_networks)
    };
    assert_eq!((range.to_string(), single.to_string()), ("10.1.0.0/16".into(), "192.0.2.7/32".into()));
    assert!(error_of("[webhook]\nallowed_networks = [\"all\"]").contains("public, loopback, private"));
    assert!(error_of("[webhook]\nallowed_networks = []").contains("at least one network"));
}

#[test]
fn example_secret_causes_a_warning() {
    let loaded = load_file(&BASE.replace("base64:abc=", "test-secret")).unwrap();
    assert!(loaded.warnings[0].contains("is the public example"), "{:?}", loaded.warnings);
}
