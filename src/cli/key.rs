//! `presence-sidecar key`: prints a new `APP_KEY`, as `php artisan key:generate --show` prints it.

use clap::Args;

use super::output::print_line;
use super::run::CommandResult;
use crate::laravel::crypt::{Cipher, generate_key};

#[derive(Debug, Args)]
pub(super) struct Key {
    /// The cipher of the key
    #[arg(long, value_name = "CIPHER", default_value = "aes-256-cbc")]
    cipher: Cipher,
}

impl Key {
    pub(super) fn run(&self) -> CommandResult {
        print_line(generate_key(self.cipher).as_str());
        Ok(())
    }
}
