//! `database.host`: one host, or several with commas between them.

use std::fmt;

use crate::config::host_port;
use crate::config::layers::{Layers, Result};

/// A host of a database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseHost {
    /// The host name or address.
    pub name: String,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for DatabaseHost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&host_port::join(&self.name, self.port))
    }
}

/// The hosts of `database.host`; one without a port of its own has `port`.
pub(super) fn hosts(text: &str, port: u16, layers: &Layers) -> Result<Vec<DatabaseHost>> {
    if text.is_empty() {
        // A socket may take its place.
        return Ok(vec![DatabaseHost { name: String::new(), port }]);
    }
    let host = |text: &str| {
        let (name, own) = host_port::split(text.trim())?;
        Ok::<_, &str>(DatabaseHost { name: name.to_owned(), port: own.unwrap_or(port) })
    };
    text.split(',').map(host).collect::<std::result::Result<Vec<_>, _>>().map_err(|_| {
        let problem = "must be a host such as db.internal, or several such as 10.0.0.1,10.0.0.2:5433";
        layers.error_at("database.host", problem)
    })
}
