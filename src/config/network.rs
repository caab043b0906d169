//! Reads `webhook.allowed_networks` and `server.trusted_proxies`. The policy itself is in [`crate::egress`].

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::egress::Network;

impl Network {
    /// The networks that have a name.
    pub(super) const WORDS: [&str; 3] = ["public", "loopback", "private"];
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "public" => Ok(Self::Public),
            "loopback" => Ok(Self::Loopback),
            "private" => Ok(Self::Private),
            range => match parse_range(range) {
                Some(range) => Ok(Self::Range(range)),
                None => Err("must be public, loopback, private or a network such as 10.0.0.0/8".to_owned()),
            },
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Loopback => f.write_str("loopback"),
            Self::Private => f.write_str("private"),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

/// Reads `10.0.0.0/8` or a single address.
pub(super) fn parse_range(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>().ok().map(|range| range.trunc()),
    }
}
