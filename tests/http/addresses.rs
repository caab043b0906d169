//! The address of a client: forwarded by proxies, and counted by /64 networks.

use std::sync::Arc;

use presence_sidecar::http::address::TrustedProxies;
use presence_sidecar::http::listener::ConnectionMetrics;
use presence_sidecar::http::listener::places::{MaxConnections, Places};
use presence_sidecar::telemetry::{Exposition, Registry};
use reqwest::Method;
use serde_json::json;

use super::refusals_by;
use crate::messaging::harness::APP_KEY;
use crate::support::Sidecar;

/// A sidecar behind a trusted proxy, with one registration per address and minute.
async fn behind_a_proxy() -> Sidecar {
    Sidecar::with(&[
        ("APP_KEY", APP_KEY.to_owned()),
        ("PRESENCE__SERVER__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8,2001:db8:ffff::/48".to_owned()),
        ("PRESENCE__MESSAGING__LIMITS__REGISTER", "1,1".to_owned()),
    ])
    .await
}

async fn register(sidecar: &Sidecar, forwarded: &str) -> u16 {
    let request = sidecar.client.request(Method::POST, "/api/v1/clients/register");
    let request = request.header("X-Forwarded-For", forwarded).json(&json!({"fingerprint": "one"}));
    sidecar.client.send(request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_address_is_found_in_every_form() {
    let sidecar = behind_a_proxy().await;
    let same_address = [
        &["203.0.113.1", "203.0.113.1:51234", "203.0.113.1,", "198.51.100.9, 203.0.113.1 , 10.1.2.3:443"][..],
        &["203.0.113.2:8080", "203.0.113.2, 10.0.0.1", "::ffff:203.0.113.2", "[::ffff:203.0.113.2]:1"],
        &["[2001:db8::1]:443", "2001:db8::1", "[2001:db8::1]", "2001:db8::1, [2001:db8:ffff::1]:443, ,"],
    ];
    for forms in same_address {
        for (index, forwarded) in forms.iter().enumerate() {
            let status = register(&sidecar, forwarded).await;
            assert_eq!(status == 429, index > 0, "{forwarded}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_by_address_count_a_network_of_ipv6_as_one() {
    let sidecar = behind_a_proxy().await;
    assert_ne!(register(&sidecar, "2001:db8:1:1::1").await, 429);
    for host in 2..20 {
        assert_eq!(register(&sidecar, &format!("2001:db8:1:1:{host:x}::{host:x}")).await, 429, "{host}");
    }
    assert_ne!(register(&sidecar, "2001:db8:1:2::1").await, 429);
    assert_eq!(refusals_by(&sidecar, "rate").await, Some(18.0));
}

#[test]
fn address_takes_only_its_places() {
    let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
    let registry = Registry::new();
    let maximums = MaxConnections { total: 100, per_address: 2, anonymous: 100 };
    let places = Arc::new(Places::new(maximums, proxies, ConnectionMetrics::new(&registry)));
    let take = |address: &str| places.take(places.limited(Some(address.parse().unwrap())));
    let held = [take("203.0.113.1"), take("::ffff:203.0.113.1"), take("2001:db8::1"), take("2001:db8::2")];
    assert!(held.iter().all(Option::is_some));
    for full in ["203.0.113.1", "2001:db8::3", "2001:db8:0:0:ffff::1"] {
        assert!(take(full).is_none(), "{full} has two already");
    }
    let counted = "presence_sidecar_rejected_total{limit=\"connections_per_address\"} 3\n";
    assert!(registry.render(Exposition::Prometheus).contains(counted));
    let others = [take("203.0.113.2"), take("2001:db8:0:1::1")];
    assert!(others.iter().all(Option::is_some), "other addresses have their own");
    for exempt in ["127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "::ffff:10.1.2.3"] {
        assert!((0..5).map(|_| take(exempt)).collect::<Vec<_>>().iter().all(Option::is_some), "{exempt}");
    }
    let unix: Vec<_> = (0..5).map(|_| places.take(places.limited(None))).collect();
    assert!(unix.iter().all(Option::is_some), "unix sockets are exempt");
    drop(held);
    assert!(take("203.0.113.1").is_some(), "a closed connection leaves its place");
}
