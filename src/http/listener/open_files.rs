//! The limit of open files of this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides connections of clients: stores, webhooks, logs.
const OTHER_FILES: u64 = 256;

/// Raises the limit of open files to its maximum, and logs a warning if `connections` do not fit.
pub fn raise_open_files(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files could not be raised");
            current
        }
    };
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    if let Some(limit) = limit.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "the limit of open files is too low for server.max_connections = {connections}: raise it (LimitNOFILE= in \
             systemd, ulimit -n, --ulimit nofile in Docker), or lower server.max_connections"
        );
    }
}
