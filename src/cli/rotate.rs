//! `presence-sidecar rotate`: replaces a generated secret.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::output::print_line;
use super::run::CommandResult;
use super::sidecar::missing_secrets;
use super::source::Source;
use crate::config::{Flags, Origin, RotatingSecret, load, rotate, secrets};

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The secret
    #[arg(value_enum)]
    secret: Target,
    /// Remove the former values, once nobody uses them
    #[arg(long)]
    finish: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Target {
    /// The service token, `PRESENCE_TOKEN`
    Token,
    /// The secret of user tokens, `PRESENCE_USER_TOKEN_SECRET`
    UserTokenSecret,
    /// The key of stored data, `APP_KEY`
    AppKey,
    /// The secret of the default webhook, `PRESENCE_WEBHOOK_SECRET`
    WebhookSecret,
}

impl Target {
    fn rotating(self) -> RotatingSecret {
        match self {
            Self::Token => RotatingSecret::Token,
            Self::UserTokenSecret => RotatingSecret::UserTokenSecret,
            Self::AppKey => RotatingSecret::AppKey,
            Self::WebhookSecret => RotatingSecret::WebhookSecret,
        }
    }
}

impl Rotate {
    pub(super) fn run(&self, source: Source) -> CommandResult {
        let loaded = load(&source.with(Flags::default())).map_err(|error| error.to_string())?;
        let (storage, secret) = (&loaded.config.storage, self.secret.rotating());
        let file = secrets::path(storage);
        let generated = ["default".to_owned(), file.display().to_string()];
        let mut origins = secret.keys().filter_map(|key| loaded.origins.iter().find(|origin| origin.key == key));
        if let Some(Origin { key, layer, .. }) = origins.find(|origin| !generated.contains(&origin.layer)) {
            return Err(format!("{key} comes from {layer}: replace {} there", secret.name()));
        }
        let name = secret.name();
        if let Some(missing) = missing_secrets(&loaded.config) {
            return Err(missing);
        }
        rotate(storage, secret, self.finish).map_err(|error| format!("{}: {error}", file.display()))?;
        let next = next_step(secret, self.finish);
        print_line(&match self.json {
            true => json!({"secret": name, "file": file, "next": next}).to_string(),
            false if self.finish => format!("{} has the new {name} alone. Next: {next}.", file.display()),
            false => format!("{} has a new {name}, and accepts the former one. Next: {next}.", file.display()),
        });
        Ok(())
    }
}

/// What to do after a rotation.
fn next_step(secret: RotatingSecret, is_finished: bool) -> String {
    match (is_finished, secret) {
        (true, _) => "reload the sidecar (SIGHUP)".to_owned(),
        (false, RotatingSecret::AppKey) => {
            "restart all sidecars, and give the app the same APP_KEY and APP_PREVIOUS_KEYS".to_owned()
        }
        (false, RotatingSecret::WebhookSecret) => {
            "reload the sidecar (SIGHUP), give the new value to all callers and receivers, then --finish".to_owned()
        }
        (false, RotatingSecret::Token | RotatingSecret::UserTokenSecret) => format!(
            "reload the sidecar (SIGHUP), give the new value to all callers and receivers, then --finish; until then the \
             value in the file is a list, and a shell that reads the file gets the new one by ${{{}%%,*}}",
            secret.name()
        ),
    }
}
