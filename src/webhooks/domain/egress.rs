//! Which addresses may be posted to. A webhook's target is configuration, but its name resolves to whatever its zone says
//! today: every address is looked at after it was resolved, and the connection goes to that very address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::config::{Network, ip_literal, is_allowed};

/// The addresses that are allowed.
#[derive(Clone, Debug)]
pub struct EgressPolicy {
    networks: Arc<[Network]>,
}

/// An address that may not be posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not in webhook.allowed_networks, or is never allowed")]
pub struct ForbiddenAddress(pub IpAddr);

impl EgressPolicy {
    /// Allows `networks`, less what is never allowed.
    pub fn new(networks: &[Network]) -> Self {
        Self { networks: networks.into() }
    }

    /// Whether `address` may be posted to, by [`is_allowed`](crate::config::is_allowed).
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, address: IpAddr) -> Result<(), ForbiddenAddress> {
        if is_allowed(&self.networks, address) { Ok(()) } else { Err(ForbiddenAddress(address)) }
    }

    /// Whether `url`, if its host is an address in whatever spelling, may be posted to. Names are judged when they are
    /// resolved.
    ///
    /// # Errors
    /// It may not.
    pub fn check_literal(&self, url: &Url) -> Result<(), ForbiddenAddress> {
        ip_literal(url).map_or(Ok(()), |address| self.check(address))
    }
}

impl Resolve for EgressPolicy {
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
