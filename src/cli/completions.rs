//! `presence-sidecar completions`: completions for shells, made from the same source as the help texts.

use clap::{Args, Command};
use clap_complete::Shell;

use super::output::print;
use super::run::CommandResult;

#[derive(Debug, Args)]
#[command(
    after_help = "Bash: presence-sidecar completions bash > ~/.local/share/bash-completion/completions/presence-sidecar"
)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, mut command: Command) -> CommandResult {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "presence-sidecar", &mut script);
        print(&String::from_utf8_lossy(&script));
        Ok(())
    }
}
