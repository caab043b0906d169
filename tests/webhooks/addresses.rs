//! Which addresses may be posted to.

use std::net::IpAddr;

use presence_sidecar::config::Network;
use presence_sidecar::webhooks::domain::egress::EgressPolicy;
use url::Url;

use crate::support::vectors;

fn guard(networks: &[&str]) -> EgressPolicy {
    let networks: Vec<Network> = networks.iter().map(|network| network.parse().unwrap()).collect();
    EgressPolicy::new(&networks)
}

fn words(list: &serde_json::Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn each_address_is_judged_as_the_vectors_say() {
    for case in vectors("webhook-addresses.json")["cases"].as_array().unwrap() {
        let guard = guard(&words(&case["allowed_networks"]));
        for (list, allowed) in [("allowed", true), ("refused", false)] {
            for address in words(&case[list]) {
                let ip: IpAddr = address.parse().unwrap();
                assert_eq!(guard.check(ip).is_ok(), allowed, "{address} with {}", case["allowed_networks"]);
            }
        }
    }
}

#[test]
fn an_address_in_an_odd_spelling_is_the_address_it_means() {
    let guard = guard(&["public"]);
    for spelling in words(&vectors("webhook-addresses.json")["spellings_of_refused"]) {
        let url = Url::parse(&format!("http://{spelling}/hook")).unwrap();
        assert!(guard.check_literal(&url).is_err(), "{spelling}");
    }
    assert!(guard.check_literal(&Url::parse("http://8.8.8.8/").unwrap()).is_ok());
}
