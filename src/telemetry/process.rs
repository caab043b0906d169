//! Metrics of the process and its disk, read from the system when they are asked for.

use std::path::Path;

use chrono::Utc;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::Registry;
use super::catalog;

/// Registers the build, and the CPU time, memory, open files and start time of this process.
pub fn observe_process(registry: &Registry) {
    registry.gauge(&catalog::BUILD_INFO, &[env!("CARGO_PKG_VERSION"), std::env::consts::ARCH]).set(1.0);
    registry.observe(&catalog::PROCESS_CPU, &[], || Some((stat(USER_TIME)? + stat(SYSTEM_TIME)?) / ticks()));
    registry.observe(&catalog::PROCESS_RESIDENT, &[], || Some(stat(RESIDENT_PAGES)? * number(page_size() as u64)));
    registry.observe(&catalog::PROCESS_OPEN_FDS, &[], || {
        let open = std::fs::read_dir("/proc/self/fd").ok()?.count();
        // One of them is that of the folder.
        Some(number(open.saturating_sub(1) as u64))
    });
    registry.observe(&catalog::PROCESS_MAX_FDS, &[], || {
        Some(getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, number))
    });
    // The process registers its metrics when it starts.
    let started = u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default();
    registry.gauge(&catalog::PROCESS_START, &[]).set(number(started) / 1_000.0);
}

/// The free bytes and the size of the disk that `folder` is on. Free is what a process without privileges may use. May block.
pub fn disk_space(folder: &Path) -> Option<(f64, f64)> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some((number(disk.f_bavail) * number(disk.f_frsize), number(disk.f_blocks) * number(disk.f_frsize)))
}

/// Positions in `/proc/self/stat` behind the name of the program, which may contain spaces.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const RESIDENT_PAGES: usize = 21;

fn stat(index: usize) -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(index)?.parse().ok()
}

fn ticks() -> f64 {
    number(clock_ticks_per_second())
}

#[expect(clippy::cast_precision_loss, reason = "no size or number of the system reaches 2^52")]
fn number(value: u64) -> f64 {
    value as f64
}
