//! The egress policy: which addresses may be posted to.

use std::net::IpAddr;

use presence_sidecar::egress::{EgressPolicy, Network};
use url::Url;

use crate::support::vectors;

fn policy(networks: &[&str]) -> EgressPolicy {
    let networks: Vec<Network> = networks.iter().map(|network| network.parse().unwrap()).collect();
    EgressPolicy::new(&networks)
}

fn words(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn policy_allows_the_addresses_of_the_vectors() {
    for case in vectors("webhook-addresses.json")["cases"].as_array().unwrap() {
        let policy = policy(&words(&case["allowed_networks"]));
        for (list, allowed) in [("allowed", true), ("refused", false)] {
            for address in words(&case[list]) {
                let ip: IpAddr = address.parse().unwrap();
                assert_eq!(policy.check(ip).is_ok(), allowed, "{address} with {}", case["allowed_networks"]);
            }
        }
    }
}

#[test]
fn policy_recognizes_an_address_in_any_notation() {
    let policy = policy(&["public"]);
    for spelling in words(&vectors("webhook-addresses.json")["spellings_of_refused"]) {
        let url = Url::parse(&format!("http://{spelling}/hook")).unwrap();
        assert!(policy.check_literal(&url).is_err(), "{spelling}");
    }
    assert!(policy.check_literal(&Url::parse("http://8.8.8.8/").unwrap()).is_ok());
}
