//! Parses the command line and runs the command.

use presence_sidecar::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    Cli::from_command_line().run()
}
