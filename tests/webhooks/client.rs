//! The egress policy in the client: no request to a forbidden address.

use presence_sidecar::config::{Flags, Sources, load};
use presence_sidecar::webhooks::admin::ping;
use presence_sidecar::webhooks::domain::retry::AttemptResult;

use crate::support::{Reaction, Receiver};

/// Pings `url` while only the networks `allowed` are allowed.
async fn ping_to(url: &str, allowed: &str) -> AttemptResult {
    let environment = [
        ("PRESENCE_DRIVER", "webhook"),
        ("PRESENCE_TOKEN", "service-token-0123456789abcdef"),
        ("PRESENCE_WEBHOOK_URL", url),
        ("PRESENCE_WEBHOOK_SECRET", "secret"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut config = load(&Sources { environment, flags: Flags::default(), ..Sources::default() }).unwrap().config;
    // The configuration checks literal addresses, too; this test is about the client's own check.
    config.webhook.allowed_networks = vec![allowed.parse().unwrap()];
    ping(&config.webhook, &config.webhook.endpoints[0]).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_to_a_forbidden_address_or_name_is_refused() {
    let receiver = Receiver::start().await;
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "[::ffff:127.0.0.1]"] {
        let result = ping_to(&format!("http://{host}:{port}/"), "public").await;
        assert!(
            matches!(&result, AttemptResult::Refused(reason) if reason.contains("webhook.allowed_networks")),
            "{host}: {result:?}"
        );
    }
    assert_eq!(receiver.posts().len(), 0);
    for host in ["127.0.0.1", "localhost"] {
        let result = ping_to(&format!("http://{host}:{port}/"), "loopback").await;
        assert_eq!(result, AttemptResult::Status { status: 204, retry_after: None }, "{host}");
    }
    assert_eq!(receiver.posts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ping_follows_no_redirect() {
    let target = Receiver::start().await;
    let location = format!("location: {}\r\n", target.url).leak();
    let receiver = Receiver::reacting(|_| Reaction::Answer(307, location)).await;
    assert_eq!(ping_to(&receiver.url, "loopback").await, AttemptResult::Status { status: 307, retry_after: None });
    assert_eq!(target.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_is_described_without_the_url() {
    let port = crate::support::free_port();
    let AttemptResult::Failed(reason) = ping_to(&format!("http://127.0.0.1:{port}/?token=hidden"), "loopback").await
    else {
        panic!("the port must be closed");
    };
    assert!(reason.contains("refused") && !reason.contains("hidden"), "{reason}");
}
