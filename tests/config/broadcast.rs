//! `[broadcast]`: the app's own settings are followed, and what cannot work is refused.

use presence_sidecar::config::BroadcastKind;

use super::{config_with, error_with, load_with};

const KEYS: [(&str, &str); 4] =
    [("REVERB_APP_ID", "1"), ("REVERB_APP_KEY", "key"), ("REVERB_APP_SECRET", "hush"), ("REVERB_HOST", "reverb.test")];

fn with_keys<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&KEYS[..], more].concat()
}

#[test]
fn connection_follows_the_app() {
    for name in ["BROADCAST_CONNECTION", "BROADCAST_DRIVER", "PRESENCE__BROADCAST__CONNECTION"] {
        let server = config_with(&with_keys(&[(name, "reverb")])).broadcast.server.unwrap();
        assert_eq!((server.kind, server.url.as_str()), (BroadcastKind::Reverb, "https://reverb.test/"));
        assert!(!format!("{server:?}").contains("hush"));
    }
    let both = with_keys(&[("BROADCAST_CONNECTION", "log"), ("BROADCAST_DRIVER", "reverb")]);
    assert!(config_with(&both).broadcast.server.is_none(), "the newer name takes precedence");
    let own = with_keys(&[("BROADCAST_CONNECTION", "reverb"), ("PRESENCE__BROADCAST__CONNECTION", "none")]);
    assert!(config_with(&own).broadcast.server.is_none());
}

#[test]
fn connection_of_the_app_that_is_of_another_kind_or_lacks_keys_does_not_stop_the_start() {
    for other in ["log", "null", "ably", "redis"] {
        let loaded = load_with(&[("BROADCAST_CONNECTION", other)]);
        assert!(loaded.config.broadcast.server.is_none());
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
    let loaded = load_with(&[("BROADCAST_CONNECTION", "reverb"), ("REVERB_APP_ID", "1"), ("REVERB_APP_KEY", "k")]);
    assert!(loaded.config.broadcast.server.is_none());
    let what = "broadcast.connection = \"reverb\" (environment BROADCAST_CONNECTION) needs broadcast.reverb.secret: set \
                REVERB_APP_SECRET";
    assert_eq!(loaded.warnings, [what]);
}

#[test]
fn contradictions_stop_the_start() {
    let stated = ("PRESENCE__BROADCAST__CONNECTION", "reverb");
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("PRESENCE__BROADCAST__CONNECTION", "soketi")], "must be none, reverb or pusher"),
        (&[("REVERB_SCHEME", "ws"), stated], "must be http or https"),
        (&[("REVERB_HOST", "169.254.169.254"), stated], "webhook.allowed_networks"),
        (&[("PRESENCE__BROADCAST__CHANNELS__PUBLIC", "presence.global"), stated], "no page can listen on it"),
        (&[("PRESENCE__BROADCAST__CHANNELS__PUBLIC", "a b"), stated], "must have 1 to 164 letters"),
        (&[("PRESENCE__BROADCAST__CHANNELS__USER", "users"), stated], "must contain {id}"),
    ];
    for (environment, problem) in cases {
        let error = error_with(&with_keys(environment));
        assert!(error.contains(problem), "{error}");
    }
    let error = error_with(&[stated, ("REVERB_APP_ID", "1"), ("REVERB_APP_KEY", "k"), ("REVERB_APP_SECRET", "s")]);
    assert!(error.contains("needs broadcast.reverb.host: set REVERB_HOST"), "{error}");
}

#[test]
fn host_of_pusher_is_that_of_its_cluster() {
    let keys = [("PUSHER_APP_ID", "1"), ("PUSHER_APP_KEY", "k"), ("PUSHER_APP_SECRET", "s")];
    let stated = [&keys[..], &[("BROADCAST_CONNECTION", "pusher"), ("PUSHER_APP_CLUSTER", "eu")]].concat();
    let server = config_with(&stated).broadcast.server.unwrap();
    assert_eq!((server.kind, server.url.as_str()), (BroadcastKind::Pusher, "https://api-eu.pusher.com/"));
}
