//! The egress policy: the addresses that webhooks may be posted to. Pure; the caller resolves names and checks each
//! address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

/// A part of the address space, an entry of `webhook.allowed_networks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Addresses of the public internet.
    Public,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.
    Private,
    /// The addresses of one range.
    Range(IpNet),
}

/// The allowed networks, less the addresses that are never allowed.
#[derive(Clone, Debug)]
pub struct EgressPolicy {
    networks: Arc<[Network]>,
}

/// An address that the policy forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not in webhook.allowed_networks, or is never allowed")]
pub struct ForbiddenAddress(pub IpAddr);

impl EgressPolicy {
    /// Allows `networks`.
    pub fn new(networks: &[Network]) -> Self {
        Self { networks: networks.into() }
    }

    /// Whether requests to `address` are allowed. An IPv6 address that embeds an IPv4 address is judged as that one.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = embedded_ipv4(address);
        !is_never_allowed(address) && self.networks.iter().any(|network| contains(network, address))
    }

    /// Checks one address.
    ///
    /// # Errors
    /// The policy forbids it.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        if self.allows(address) { Ok(()) } else { Err(ForbiddenAddress(address)) }
    }

    /// Checks the host of `url` if it is an address, in any notation. Names are checked when they are resolved.
    ///
    /// # Errors
    /// The policy forbids it.
    pub fn check_literal(&self, url: &Url) -> Result<(), ForbiddenAddress> {
        ip_literal(url).map_or(Ok(()), |address| self.check(address))
    }
}

/// The host of `url` as an address, in any notation; `None` for a name.
pub fn ip_literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// The IPv4 address that an IPv6 address stands for (mapped, compatible, translated, NAT64, 6to4), or the address itself.
fn embedded_ipv4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => join(g, h).into(),
        [0, 0, 0, 0, 0, 0] if v6 != Ipv6Addr::LOCALHOST && !v6.is_unspecified() => join(g, h).into(),
        [0x2002, high, low, ..] => join(high, low).into(),
        _ => address,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

/// The IPv4 addresses to which a tunnel may send packets for an IPv6 address: server and client of Teredo, ISATAP.
fn tunnel_ends(v6: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let teredo = a == 0x2001 && b == 0;
    // The universal bit and the group bit of the interface identifier may be set.
    let isatap = e & 0xfcff == 0 && f == 0x5efe;
    let ends = [(teredo, join(c, d)), (teredo, join(!g, !h)), (isatap, join(g, h))];
    ends.into_iter().filter_map(|(is_tunnel, end)| is_tunnel.then_some(end))
}

/// The IPv4 addresses that a NAT64 with a prefix of its own would read in an IPv6 address: one for each length of prefix
/// that RFC 6052 permits.
fn translations(v6: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let octets = v6.octets();
    // Bits 64 to 71 are not part of the embedded address.
    let layouts = [[4, 5, 6, 7], [5, 6, 7, 9], [6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];
    layouts.into_iter().map(move |layout| Ipv4Addr::from(layout.map(|index| octets[index])))
}

/// Metadata services of clouds.
const METADATA: [[u8; 4]; 4] = [[169, 254, 169, 254], [100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]];

/// Addresses that no configuration allows: unspecified, link-local (with the metadata services of clouds), other metadata
/// services, multicast, broadcast and reserved addresses; and IPv6 addresses whose packets a tunnel or a translator may send
/// to one of these.
fn is_never_allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let first = v4.octets()[0];
            first == 0 || first >= 224 || v4.is_link_local() || METADATA.contains(&v4.octets())
        }
        IpAddr::V6(v6) => {
            let is_metadata = |v4: Ipv4Addr| METADATA.contains(&v4.octets());
            if translations(v6).any(is_metadata) || tunnel_ends(v6).any(|end| is_never_allowed(end.into())) {
                return true;
            }
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
        Network::Public => is_public(address),
    }
}

fn is_public(address: IpAddr) -> bool {
    let is_tunnel_public = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => tunnel_ends(v6).all(|end| is_public(end.into())),
    };
    !address.is_loopback() && !is_private(address) && !is_special(address) && is_tunnel_public
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Ranges that are not part of the public internet (IANA's special-purpose address registries).
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            matches!((a, b, c), (100, 64..=127, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _))
                || matches!((a, b, c), (198, 51, 100) | (203, 0, 113))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // Only 2000::/3 is allocated; within it, Teredo, other protocol assignments and documentation are excluded.
            a & 0xe000 != 0x2000 || (a == 0x2001 && b < 0x200) || (a == 0x2001 && b == 0xdb8) || a == 0x3fff
        }
    }
}
