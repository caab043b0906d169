//! TLS of database connections.

use std::str::FromStr;

use super::raw::RawDatabase;
use crate::config::layers::{Layers, Result, must_be};

/// The TLS modes, by libpq's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS if the server requires it.
    Allow,
    /// TLS if the server supports it.
    Prefer,
    /// Always TLS.
    Require,
    /// Always TLS, with a certificate of a trusted authority.
    VerifyCa,
    /// Always TLS, with a certificate of a trusted authority for this host.
    VerifyFull,
}

impl SslMode {
    /// The words of `database.sslmode`.
    const WORDS: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" => Ok(Self::Allow),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(must_be(&Self::WORDS)),
        }
    }
}

/// Resolves the TLS mode. A trusted certificate is always enforced, as PHP does: a mode that does not verify becomes
/// `verified`. Connections over a Unix socket do not leave the host.
pub(super) fn ssl_mode(raw: &RawDatabase, verified: SslMode, layers: &Layers) -> Result<SslMode> {
    let mode: SslMode = layers.parse_word("database.sslmode", &raw.sslmode, &SslMode::WORDS)?;
    if raw.ssl_ca.is_none() || raw.socket.is_some() {
        return Ok(mode);
    }
    match mode {
        SslMode::Disable => Err(layers
            .error_at("database.sslmode", "must not be disable while database.ssl_ca is set: unset one of the two")),
        SslMode::Allow | SslMode::Prefer | SslMode::Require => Ok(verified),
        SslMode::VerifyCa | SslMode::VerifyFull => Ok(mode),
    }
}
