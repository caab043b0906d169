//! Addresses of clients: the peer's, or behind trusted proxies the one that they forward; and the part that limits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use poem::http::HeaderMap;
use poem::web::RemoteAddr;
use poem::{Addr, Request};

/// The client's address: the peer's, or behind trusted proxies the one they forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// The part of an address that limits count by: an IPv4 address, or the /64 network of an IPv6 address, all of which one
/// subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey(IpAddr);

/// Proxies whose `X-Forwarded-For` is trusted. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<ArcSwap<Vec<IpNet>>>);

/// The client's address as text, the key of rate limits by address.
pub fn address(request: &Request) -> String {
    let client = request.extensions().get::<ClientIp>();
    client.map_or_else(String::new, |client| AddressKey::of(client.0).to_string())
}

impl AddressKey {
    /// The part of `address` that limits count by.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// The key of an address that has limits of its own; `None` for loopback addresses. Whatever arrives from one of them
    /// has passed a process of this machine, such as a proxy that is not listed as trusted.
    pub fn limited(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        (!address.is_loopback()).then(|| Self::of(address))
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

impl TrustedProxies {
    /// Trusts the proxies in these networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(networks)))
    }

    /// Trusts the proxies in these networks instead.
    pub fn set(&self, networks: Vec<IpNet>) {
        self.0.store(Arc::new(networks));
    }

    /// Whether a proxy is trusted.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.load().iter().any(|network| network.contains(&address))
    }

    /// The address of the client: the last one in `X-Forwarded-For` that is not a trusted proxy's, if the peer is trusted.
    pub fn client(&self, peer: &RemoteAddr, headers: &HeaderMap) -> IpAddr {
        let peer = ip_of(&peer.0).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if !self.contains(peer) {
            return peer;
        }
        let mut client = peer;
        let hops = headers.get_all("x-forwarded-for").iter().rev();
        let hops = hops.filter_map(|value| value.to_str().ok()).flat_map(|value| value.rsplit(','));
        for hop in hops.map(str::trim).filter(|hop| !hop.is_empty()) {
            let Some(address) = parse_hop(hop) else { break };
            client = address;
            if !self.contains(client) {
                break;
            }
        }
        client
    }
}

/// The address of a peer; `None` for a Unix socket.
pub fn ip_of(peer: &Addr) -> Option<IpAddr> {
    match peer {
        Addr::SocketAddr(address) => Some(address.ip().to_canonical()),
        Addr::Unix(_) | Addr::Custom(..) => None,
    }
}

/// Parses an address with or without port, IPv6 with or without brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().ok();
    address.or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|ip| ip.to_canonical())
}
