//! `presence-sidecar forget`: erases what is stored about one user.

use clap::Args;
use serde_json::json;

use super::output::print_line;
use super::run::{CommandResult, run_async};
use super::source::Source;
use crate::app;
use crate::config::{Flags, load};
use crate::presence::domain::identity::UserId;
use crate::presence::service::erasure::Erased;

#[derive(Debug, Args)]
pub(super) struct Forget {
    /// The user's id; digits are a number
    user: String,
    /// The ids of the user's messaging clients, which are erased with their messages: a comma-separated list
    #[arg(long, value_name = "ID,ID", value_delimiter = ',')]
    clients: Vec<String>,
    /// Print JSON: how much was erased
    #[arg(long)]
    json: bool,
}

impl Forget {
    pub(super) fn run(self, source: Source) -> CommandResult {
        let config = load(&source.with(Flags::default())).map_err(|error| error.to_string())?.config;
        let user = UserId::from_path(&self.user).map_err(|error| format!("{}: {error}", self.user))?;
        let clients = app::client_ids(&self.clients)?;
        run_async(async {
            let Erased { states, changes, deliveries } = app::erase_user(&config, &user).await?;
            let messages = app::erase_clients(&config, &clients).await?;
            let numbers = json!({"states": states, "changes": changes, "deliveries": deliveries, "messages": messages});
            print_line(&match self.json {
                true => numbers.to_string(),
                false => format!(
                    "Erased {states} states, {changes} changes, {deliveries} deliveries, {} clients and {messages} messages.",
                    self.clients.len()
                ),
            });
            Ok(())
        })
    }
}
