//! The places for connections: so many in all, so many from one address, and a few more for health checks.
//!
//! Connections on which no user and no trusted caller has sent a request yet have fewer places, since each takes some 20 KiB
//! of memory. When these are taken, the oldest such connection is closed for a new one, so that a caller with a token always
//! finds a place.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics::ConnectionMetrics;
use crate::http::address::{AddressKey, TrustedProxies};
use crate::http::connection::ConnectionState;

/// Places beside the regular ones, for requests of [`is_health_check`] alone.
const HEALTH_PLACES: usize = 16;

/// Minimum time between two log lines about refused connections.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Whether requests to this path are answered although all regular places are taken.
pub fn is_health_check(path: &str) -> bool {
    matches!(path, "/up" | "/ready" | "/metrics")
}

/// A place for a connection that is not accepted yet.
#[derive(Debug)]
pub struct Place {
    /// Whether only health checks are answered on it.
    pub is_for_health: bool,
    _permit: OwnedSemaphorePermit,
}

/// All places.
#[derive(Debug)]
pub struct Places {
    regular: Arc<Semaphore>,
    health: Arc<Semaphore>,
    per_address: usize,
    exempt: TrustedProxies,
    addresses: Mutex<HashMap<AddressKey, usize>>,
    anonymous: Mutex<Anonymous>,
    max_anonymous: usize,
    last_logged: Mutex<Option<Instant>>,
    metrics: ConnectionMetrics,
}

/// Connections that were anonymous when they were last looked at, by age.
#[derive(Debug, Default)]
struct Anonymous {
    next: u64,
    connections: BTreeMap<u64, Arc<ConnectionState>>,
}

/// Maximum numbers of connections.
#[derive(Clone, Copy, Debug)]
pub struct MaxConnections {
    /// Over all listeners.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
    /// On which no user and no trusted caller has sent a request.
    pub anonymous: usize,
}

/// A connection that may be evicted while it is anonymous, until dropped.
#[derive(Debug)]
pub struct AnonymousPlace {
    places: Arc<Places>,
    id: u64,
}

/// A connection of an address, until dropped.
#[derive(Debug)]
pub struct AddressPlace {
    places: Arc<Places>,
    address: Option<AddressKey>,
}

impl Places {
    /// Places for at most this many connections. Trusted proxies may have any number of them. Refusals are counted in
    /// `metrics`.
    pub fn new(max: MaxConnections, exempt: TrustedProxies, metrics: ConnectionMetrics) -> Self {
        Self {
            regular: Arc::new(Semaphore::new(max.total)),
            health: Arc::new(Semaphore::new(HEALTH_PLACES)),
            per_address: max.per_address,
            exempt,
            addresses: Mutex::default(),
            anonymous: Mutex::default(),
            max_anonymous: max.anonymous,
            last_logged: Mutex::default(),
            metrics,
        }
    }

    /// Enters a new connection, which is anonymous; evicts the oldest anonymous one if they are too many.
    pub fn enter(self: &Arc<Self>, connection: &Arc<ConnectionState>) -> AnonymousPlace {
        let mut anonymous = self.anonymous.lock().unwrap_or_else(PoisonError::into_inner);
        if anonymous.connections.len() >= self.max_anonymous {
            anonymous.connections.retain(|_, connection| !connection.is_known());
        }
        if anonymous.connections.len() >= self.max_anonymous
            && let Some((_, oldest)) = anonymous.connections.pop_first()
        {
            oldest.evict();
            self.metrics.anonymous.increment(1);
        }
        let id = anonymous.next;
        anonymous.next += 1;
        anonymous.connections.insert(id, connection.clone());
        AnonymousPlace { places: self.clone(), id }
    }

    /// Waits for a place: a regular one if there is one, else whichever is free first.
    pub async fn next(&self) -> Option<Place> {
        if let Ok(permit) = self.regular.clone().try_acquire_owned() {
            return Some(Place { is_for_health: false, _permit: permit });
        }
        tokio::select! {
            biased;
            permit = self.regular.clone().acquire_owned() => Some(Place { is_for_health: false, _permit: permit.ok()? }),
            permit = self.health.clone().acquire_owned() => Some(Place { is_for_health: true, _permit: permit.ok()? }),
        }
    }

    /// The account of a peer; `None` if it may have any number of connections: a Unix socket, a loopback address, a
    /// trusted proxy.
    pub fn limited(&self, peer: Option<IpAddr>) -> Option<AddressKey> {
        peer.filter(|peer| !self.exempt.contains(*peer)).and_then(AddressKey::limited)
    }

    /// Whether a peer is a trusted proxy.
    pub fn is_trusted_proxy(&self, peer: IpAddr) -> bool {
        self.exempt.contains(peer)
    }

    /// Takes one of the places of an address; `None` if it has taken all.
    pub fn take(self: &Arc<Self>, address: Option<AddressKey>) -> Option<AddressPlace> {
        if let Some(address) = address {
            let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = addresses.entry(address).or_default();
            if *taken >= self.per_address {
                drop(addresses);
                self.metrics.per_address.increment(1);
                self.log_refusal(address);
                return None;
            }
            *taken += 1;
        }
        Some(AddressPlace { places: self.clone(), address })
    }

    fn log_refusal(&self, address: AddressKey) {
        let mut last = self.last_logged.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if last.is_none_or(|last| now.duration_since(last) >= LOG_INTERVAL) {
            *last = Some(now);
            tracing::warn!(
                %address,
                limit = self.per_address,
                "connection refused: the address has server.max_connections_per_address open ones; if it is a proxy, add \
                 it to server.trusted_proxies"
            );
        }
    }
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut addresses = self.places.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut taken) = addresses.entry(address) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

impl Drop for AnonymousPlace {
    fn drop(&mut self) {
        self.places.anonymous.lock().unwrap_or_else(PoisonError::into_inner).connections.remove(&self.id);
    }
}
