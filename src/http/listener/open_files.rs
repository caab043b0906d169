//! The limit of open files of this process, and its table of them.

use std::fs::File;

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides connections of clients: stores, webhooks, logs.
const OTHER_FILES: u64 = 256;

/// Raises the limit of open files to its maximum, and logs a warning if `connections` do not fit. The table of open files gets
/// its final size now.
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
    grow_table(needed.min(limit.unwrap_or(needed)));
}

/// Makes room for the numbers of so many open files. Linux doubles the table when it is full; in a process with several
/// threads the one that opens the file is suspended meanwhile, for about 10 ms each time, and no heartbeat is answered.
fn grow_table(files: u64) {
    let last = i32::try_from(files).unwrap_or(i32::MAX) - 1;
    let opened = File::open("/dev/null").and_then(|file| Ok(fcntl_dupfd_cloexec(file, last)?));
    if let Err(error) = opened {
        tracing::debug!(%error, files, "the table of open files could not be grown");
    }
}
