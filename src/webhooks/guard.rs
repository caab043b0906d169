//! Which addresses may be posted to. A webhook's target is configuration, but its name resolves to whatever its zone says
//! today: every address is looked at after it was resolved, and the connection goes to that very address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::config::Network;

/// The addresses that are allowed.
#[derive(Clone, Debug)]
pub struct Guard {
    networks: Arc<[Network]>,
}

/// An address that may not be posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not in webhook.allowed_networks, or is never allowed")]
pub struct Forbidden(pub IpAddr);

impl Guard {
    /// Allows `networks`, less what is never allowed.
    pub fn new(networks: &[Network]) -> Self {
        Self { networks: networks.into() }
    }

    /// Whether `address` may be posted to.
    ///
    /// An IPv6 address that stands for an IPv4 address is judged as that one.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let judged = meant(address);
        let allowed = !is_never_allowed(judged) && self.networks.iter().any(|network| contains(network, judged));
        if allowed { Ok(()) } else { Err(Forbidden(address)) }
    }

    /// Whether `url`, if its host is an address in whatever spelling, may be posted to. Names are judged when they are
    /// resolved.
    ///
    /// # Errors
    /// It may not.
    pub fn check_literal(&self, url: &Url) -> Result<(), Forbidden> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

impl Resolve for Guard {
    /// The allowed ones of a name's addresses.
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> =
                found.iter().filter(|address| guard.check(address.ip()).is_ok()).copied().collect();
            match found.iter().find_map(|address| guard.check(address.ip()).err()) {
                Some(forbidden) if allowed.is_empty() => Err(forbidden.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// The IPv4 address that an IPv6 address stands for (mapped, compatible, NAT64, 6to4), or the address itself.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        [0, 0, 0, 0, 0, 0] if v6 != Ipv6Addr::LOCALHOST && !v6.is_unspecified() => v4(g, h),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// Addresses that no configuration allows: this host as "unspecified", link-local ones (where clouds keep their metadata),
/// metadata services elsewhere, multicast, broadcast and reserved ones.
fn is_never_allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let metadata = [[100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]].contains(&v4.octets());
            v4.octets()[0] == 0 || v4.octets()[0] >= 224 || v4.is_link_local() || metadata
        }
        IpAddr::V6(v6) => {
            let metadata = matches!(
                v6.segments(),
                [0xfd00, 0x0ec2, ..]
                    | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
                    | [0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
                    | [0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042]
            );
            let site_local = v6.segments()[0] & 0xffc0 == 0xfec0;
            v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local() || site_local || metadata
        }
    }
}

fn contains(network: &Network, address: IpAddr) -> bool {
    match network {
        Network::Range(range) => range.contains(&address),
        Network::Loopback => address.is_loopback(),
        Network::Private => is_private(address),
        Network::Public => !address.is_loopback() && !is_private(address) && !is_special(address),
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Ranges that are not part of the open internet (IANA's special-purpose address registries).
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            matches!((a, b, c), (100, 64..=127, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _))
                || matches!((a, b, c), (198, 51, 100) | (203, 0, 113))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // Only 2000::/3 is handed out; within it Teredo and other protocol assignments, and documentation, are not.
            a & 0xe000 != 0x2000 || (a == 0x2001 && b < 0x200) || (a == 0x2001 && b == 0xdb8) || a == 0x3fff
        }
    }
}
