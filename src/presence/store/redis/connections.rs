//! What the store knows of its connections: the one of the log, and the rights of the user.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::presence::store::{Result, Unavailable};
use crate::storage::redis::{RedisConnection, RedisServers};

/// The connection of reads of the log, and their scripts.
pub(super) struct LogConnection {
    pub(super) connection: RedisConnection,
    pub(super) page: String,
    pub(super) identify: String,
    pub(super) history: String,
}

impl LogConnection {
    pub(super) fn new(servers: RedisServers, key: &str, timeout: Duration) -> Result<Self> {
        let mut connection = RedisConnection::new(servers, key, timeout)?;
        let page = connection.register_script(include_str!("page.lua"));
        let identify = connection.register_script(include_str!("identify.lua"));
        let history = connection.register_script(concat!(include_str!("newest.lua"), include_str!("history.lua")));
        Ok(Self { connection, page, identify, history })
    }
}

/// Whether the user is known to have all rights.
#[derive(Debug, Default)]
pub(super) struct Rights {
    granted: AtomicBool,
}

impl Rights {
    pub(super) fn are_granted(&self) -> bool {
        self.granted.load(Ordering::Relaxed)
    }

    pub(super) fn grant(&self) {
        self.granted.store(true, Ordering::Relaxed);
    }

    /// Has the rights checked again if an error says that the user lacks one.
    pub(super) fn doubt(&self, error: &Unavailable) {
        if error.is_refused() {
            self.granted.store(false, Ordering::Relaxed);
        }
    }
}
