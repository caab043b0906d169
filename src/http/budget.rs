//! The memory budget: how many bytes of heads, bodies and responses may be on their way at the same time.
//!
//! Only what exceeds a small allowance per request is counted, so an ordinary heartbeat never takes the lock. Callers that
//! are trusted (with a service, admin or operator token) may use the whole budget, all others together half of it, and
//! those of one address a share. A small part on top is for responses to monitoring, which are needed most when the rest is
//! used up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::address::AddressKey;

/// Bytes that no request has to reserve.
pub const FREE_BYTES: usize = 8 * 1024;

/// The part of the budget that there is on top for monitoring: one in so many bytes.
const MONITORING: usize = 16;

/// The bytes in use, and their limits.
#[derive(Debug)]
pub struct MemoryBudget {
    total: usize,
    per_address: usize,
    usage: Mutex<Usage>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Usage {
    all: usize,
    untrusted: usize,
    monitoring: usize,
    addresses: HashMap<AddressKey, usize>,
}

/// The limits that a reservation counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// The whole budget.
    Trusted,
    /// The half of the callers that are not trusted, and the share of an address if it has one.
    Untrusted(Option<AddressKey>),
    /// What is for monitoring alone.
    Monitoring,
}

/// There is no room in the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverBudget;

/// Reserved bytes, released when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<MemoryBudget>,
    account: Account,
    bytes: usize,
}

impl MemoryBudget {
    /// A budget of `total` bytes, of which one address may use `per_address`.
    pub fn new(total: usize, per_address: usize) -> Self {
        Self { total, per_address, usage: Mutex::default(), refused: AtomicU64::new(0) }
    }

    /// A reservation of no bytes yet.
    pub fn open(self: &Arc<Self>, account: Account) -> Reservation {
        Reservation { budget: self.clone(), account, bytes: 0 }
    }

    /// Reserves bytes.
    ///
    /// # Errors
    /// [`OverBudget`].
    pub fn reserve(self: &Arc<Self>, account: Account, bytes: usize) -> Result<Reservation, OverBudget> {
        let mut reservation = self.open(account);
        reservation.grow_to(bytes).map(|()| reservation)
    }

    /// The number of reserved bytes, without those for monitoring.
    pub fn used(&self) -> usize {
        self.usage().all
    }

    /// The number of reservations that were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, account: Account, bytes: usize) -> Result<(), OverBudget> {
        let mut usage = self.usage();
        let fits = |used: usize, limit: usize| used.saturating_add(bytes) <= limit;
        let is_allowed = match account {
            Account::Trusted => fits(usage.all, self.total),
            Account::Untrusted(address) => {
                let own = address.and_then(|address| usage.addresses.get(&address)).copied().unwrap_or_default();
                let is_share =
                    fits(usage.untrusted, self.total / 2) && (address.is_none() || fits(own, self.per_address));
                is_share && fits(usage.all, self.total)
            }
            Account::Monitoring => fits(usage.monitoring, self.total / MONITORING),
        };
        if !is_allowed {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(OverBudget);
        }
        usage.add(account, bytes);
        Ok(())
    }

    fn release(&self, account: Account, bytes: usize) {
        self.usage().release(account, bytes);
    }
}

impl Usage {
    fn add(&mut self, account: Account, bytes: usize) {
        match account {
            Account::Trusted => self.all += bytes,
            Account::Untrusted(address) => {
                self.all += bytes;
                self.untrusted += bytes;
                if let Some(address) = address {
                    *self.addresses.entry(address).or_default() += bytes;
                }
            }
            Account::Monitoring => self.monitoring += bytes,
        }
    }

    fn release(&mut self, account: Account, bytes: usize) {
        match account {
            Account::Trusted => self.all -= bytes,
            Account::Untrusted(address) => {
                self.all -= bytes;
                self.untrusted -= bytes;
                if let Some(Entry::Occupied(mut own)) = address.map(|address| self.addresses.entry(address)) {
                    *own.get_mut() -= bytes;
                    if *own.get() == 0 {
                        own.remove();
                    }
                }
            }
            Account::Monitoring => self.monitoring -= bytes,
        }
    }
}

impl Reservation {
    /// Reserves more, up to `bytes` in all; does nothing if it has as many already.
    ///
    /// # Errors
    /// [`OverBudget`]; the reservation stays as it was.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), OverBudget> {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            self.budget.add(self.account, more)?;
            self.bytes = bytes;
        }
        Ok(())
    }

    /// Reserves `bytes` more.
    ///
    /// # Errors
    /// [`OverBudget`]; the reservation stays as it was.
    pub fn add(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.grow_to(self.bytes.saturating_add(bytes))
    }

    /// Releases all bytes.
    pub fn release(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.budget.release(self.account, bytes);
        }
    }

    /// The same bytes, which release the reservation when the last copy of them is dropped.
    pub fn attach(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Reserved { bytes, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes with their reservation.
struct Reserved {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
