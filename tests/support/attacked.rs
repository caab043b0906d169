//! A sidecar under attack on a machine that the attackers share with it.

use std::path::PathBuf;
use std::process::Command;

/// The release binary that `tests/attack/run` names.
fn named_binary() -> Option<PathBuf> {
    std::env::var_os("PRESENCE_SIDECAR_ATTACKED").map(PathBuf::from)
}

/// Whether a release binary is attacked, with nothing else running (`tests/attack/run`). An ordinary run attacks the binary
/// of this build, and tolerates longer times.
pub fn is_alone() -> bool {
    named_binary().is_some()
}

/// The binary to be attacked.
pub fn attacked_binary() -> PathBuf {
    named_binary().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_presence-sidecar")))
}

/// The processor of the sidecar and of those who measure it; attackers have the other one.
const PROCESSOR: usize = 1;
const ATTACKERS_PROCESSOR: usize = 0;

/// Moves this thread to another processor than the sidecar's, and lowers its priority: attackers on other machines take no
/// time of this machine's processors.
pub fn move_away() {
    _ = rustix::process::nice(15);
    move_to(ATTACKERS_PROCESSOR);
}

/// Moves this thread to the processor of the sidecar, as who measures it; first in line there, if root runs it: the time slice
/// of the sidecar that it would else wait for is no time of the heartbeat.
pub fn move_to_sidecar() {
    _ = rustix::process::nice(-15);
    move_to(PROCESSOR);
}

/// The program, with its arguments, that starts another one on the processor of the sidecar.
pub fn on_own_processor() -> Vec<String> {
    let launcher = ["taskset", "--cpu-list", &PROCESSOR.to_string()].map(str::to_owned);
    if has_processors() { launcher.to_vec() } else { Vec::new() }
}

/// Moves a server that the sidecar uses away from its processor, as if it were on another machine.
pub fn move_server_away(process: u32) {
    set_processor(ATTACKERS_PROCESSOR, &["--all-tasks", "--pid"], &process.to_string());
}

/// Moves this thread to a processor.
fn move_to(processor: usize) {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    set_processor(processor, &["--pid"], thread.file_name().unwrap().to_str().unwrap());
}

fn set_processor(processor: usize, which: &[&str], id: &str) {
    if has_processors() {
        let moved = Command::new("taskset").arg("--cpu-list").args(which).args([&processor.to_string(), id]).output();
        assert!(moved.unwrap().status.success());
    }
}

fn has_processors() -> bool {
    std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}
