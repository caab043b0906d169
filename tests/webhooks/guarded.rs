//! The guard at work: nothing is sent where it must not go.

use presence_sidecar::config::{Flags, Sources, load};
use presence_sidecar::webhooks::admin::ping;
use presence_sidecar::webhooks::domain::retry::AttemptResult;

use crate::support::{Reaction, Receiver};

/// Pings `url` with only these networks allowed.
async fn ping_to(url: &str, allowed: &str) -> AttemptResult {
    let environment = [
        ("PRESENCE_DRIVER", "webhook"),
        ("PRESENCE_TOKEN", "service-token-0123456789abcdef"),
        ("PRESENCE_WEBHOOK_URL", url),
        ("PRESENCE_WEBHOOK_SECRET", "secret"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut config = load(&Sources { environment, flags: Flags::default(), ..Sources::default() }).unwrap().config;
    // An address is judged at the start already; here it is one that has slipped through.
    config.webhook.allowed_networks = vec![allowed.parse().unwrap()];
    ping(&config.webhook, &config.webhook.endpoints[0]).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_an_address_nor_a_name_leads_to_a_network_that_is_not_allowed() {
    let receiver = Receiver::start().await;
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "[::ffff:127.0.0.1]"] {
        let answer = ping_to(&format!("http://{host}:{port}/"), "public").await;
        assert!(
            matches!(&answer, AttemptResult::Refused(why) if why.contains("webhook.allowed_networks")),
            "{host}: {answer:?}"
        );
    }
    assert_eq!(receiver.posts().len(), 0);
    for host in ["127.0.0.1", "localhost"] {
        let answer = ping_to(&format!("http://{host}:{port}/"), "loopback").await;
        assert_eq!(answer, AttemptResult::Status { status: 204, retry_after: None }, "{host}");
    }
    assert_eq!(receiver.posts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start().await;
    let location = format!("location: {}\r\n", elsewhere.url).leak();
    let receiver = Receiver::reacting(|_| Reaction::Answer(307, location)).await;
    assert_eq!(ping_to(&receiver.url, "loopback").await, AttemptResult::Status { status: 307, retry_after: None });
    assert_eq!(elsewhere.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_told_without_the_address() {
    let port = crate::support::free_port();
    let AttemptResult::Failed(why) = ping_to(&format!("http://127.0.0.1:{port}/?token=hidden"), "loopback").await
    else {
        panic!("nobody listens there");
    };
    assert!(why.contains("refused") && !why.contains("hidden"), "{why}");
}
