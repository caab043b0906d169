//! `server.socket_mode` and `server.socket_group`: who may connect to Unix sockets.

use super::layers::{Layers, Result};

/// Where groups have their names.
const GROUPS: &str = "/etc/group";

/// The mode and group of the files of Unix sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketAccess {
    /// The mode, such as 0o660.
    pub mode: u32,
    /// The id of the group; `None` for that of the process.
    pub group: Option<u32>,
}

pub(super) fn resolve(mode: &str, group: Option<&str>, layers: &Layers) -> Result<SocketAccess> {
    let mode = u32::from_str_radix(mode.trim(), 8).ok().filter(|mode| (0o1..=0o777).contains(mode));
    let mode = mode.ok_or_else(|| layers.error_at("server.socket_mode", "must be an octal mode such as 0660"))?;
    let group = group.map(|name| {
        group_id(name).ok_or_else(|| {
            let problem = format!("is not a group of this host: see {GROUPS}, or set its number");
            layers.error_at("server.socket_group", problem)
        })
    });
    Ok(SocketAccess { mode, group: group.transpose()? })
}

/// The id of a group, by its number or its name.
fn group_id(name: &str) -> Option<u32> {
    let by_name = || {
        let groups = std::fs::read_to_string(GROUPS).ok()?;
        let mut lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
        lines.find(|fields| fields.first() == Some(&name))?.get(2)?.parse().ok()
    };
    name.parse().ok().or_else(by_name)
}
