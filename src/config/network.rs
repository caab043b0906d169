//! `webhook.allowed_networks`: the addresses that webhooks may be posted to. Pure: callers resolve host names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

/// A part of the address space that webhooks may be posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Public addresses of the internet.
    Public,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 and fc00::/7.
    Private,
    /// The addresses of one range.
    Range(IpNet),
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

/// Whether `address` is in one of `networks` and not one that is never allowed.
///
/// An IPv6 address that embeds an IPv4 address is checked as that IPv4 address.
pub fn is_allowed(networks: &[Network], address: IpAddr) -> bool {
    let address = embedded_ipv4(address);
    !is_never_allowed(address) && networks.iter().any(|network| contains(network, address))
}

/// The IP address that the host of `url` is, in any notation; `None` if the host is a name.
pub fn ip_literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// The IPv4 address that an IPv6 address embeds (mapped, compatible, NAT64, 6to4), or the address itself.
fn embedded_ipv4(address: IpAddr) -> IpAddr {
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

/// Addresses that no configuration allows: unspecified, link-local (the metadata services of clouds), other metadata
/// services, multicast, broadcast and reserved.
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

/// Ranges that are not public (IANA's special-purpose address registries).
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            matches!((a, b, c), (100, 64..=127, _) | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _))
                || matches!((a, b, c), (198, 51, 100) | (203, 0, 113))
        }
        IpAddr::V6(v6) => {
            let [a, b, ..] = v6.segments();
            // Only 2000::/3 is allocated, except for Teredo, other protocol assignments and documentation.
            a & 0xe000 != 0x2000 || (a == 0x2001 && b < 0x200) || (a == 0x2001 && b == 0xdb8) || a == 0x3fff
        }
    }
}

/// Parses `10.0.0.0/8` or a single address.
pub(super) fn parse_range(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>().ok().map(|range| range.trunc()),
    }
}
