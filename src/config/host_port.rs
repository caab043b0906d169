//! `host:port`, as keys of the configuration name servers.

use std::net::Ipv6Addr;

/// Splits `host`, `host:port`, `[address]` or `[address]:port` into the host without brackets and the port. An IPv6 address
/// without brackets has no port.
///
/// # Errors
/// What the text must be: the host is empty, brackets are not closed, or the port is not one from 1 to 65535.
pub(super) fn split(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    const FORM: &str = "must be host:port";
    let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']').ok_or(FORM)? {
            (host, "") => (host, None),
            (host, behind) => (host, Some(behind.strip_prefix(':').ok_or(FORM)?)),
        },
        None => match text.rsplit_once(':') {
            Some((host, port)) if !is_address(text) && (!host.contains(':') || is_address(host)) => (host, Some(port)),
            _ => (text, None),
        },
    };
    if host.is_empty() {
        return Err(FORM);
    }
    let number =
        |port: &str| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("must have a port from 1 to 65535");
    Ok((host, port.map(number).transpose()?))
}

/// The opposite of [`split`]: an IPv6 address is in brackets.
pub(super) fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
