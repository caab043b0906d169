//! Addresses to listen on: `host:port`, `[v6]:port`, `unix:/path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Listen {
    /// `host:port`, an IPv6 address in brackets. Port 0 lets the system choose.
    Tcp(String),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Listen {
    /// Whether two listeners on this address would be in each other's way.
    pub(super) fn is_exclusive(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ends_with(":0"),
            Self::Unix(_) => true,
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || "must be `host:port` or `unix:/path/to.sock`".to_owned();
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.is_empty() || path.contains('\0') {
                true => Err(refused()),
                false => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port: u16 = match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => port.parse().map_err(|_| refused())?,
            false => return Err(refused()),
        };
        match is_host(host) {
            true => Ok(Self::Tcp(format!("{host}:{port}"))),
            false => Err(refused()),
        }
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !host.is_empty() && host.bytes().all(plain)
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
