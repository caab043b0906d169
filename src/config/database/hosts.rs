//! `database.host`: one host, or several with commas between them.

use std::fmt;

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
        let Self { name, port } = self;
        if name.contains(':') { write!(formatter, "[{name}]:{port}") } else { write!(formatter, "{name}:{port}") }
    }
}

/// The hosts of `database.host`; one without a port of its own has `port`.
pub(super) fn hosts(text: &str, port: u16, layers: &Layers) -> Result<Vec<DatabaseHost>> {
    if text.is_empty() {
        // A socket may take its place.
        return Ok(vec![DatabaseHost { name: String::new(), port }]);
    }
    let parsed = text.split(',').map(|host| parse(host.trim(), port)).collect::<Option<Vec<_>>>();
    parsed.ok_or_else(|| {
        let problem = "must be a host such as db.internal, or several such as 10.0.0.1,10.0.0.2:5433";
        layers.error_at("database.host", problem)
    })
}

/// A host with or without a port; an IPv6 address with a port is in brackets.
fn parse(text: &str, port: u16) -> Option<DatabaseHost> {
    let (name, own) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']')? {
            (name, "") => (name, None),
            (name, behind) => (name, Some(behind.strip_prefix(':')?)),
        },
        None => match text.split_once(':') {
            Some((name, own)) if !own.contains(':') => (name, Some(own)),
            _ => (text, None),
        },
    };
    let port = own.map_or(Some(port), |own| own.parse().ok().filter(|port| *port > 0))?;
    (!name.is_empty()).then(|| DatabaseHost { name: name.to_owned(), port })
}
