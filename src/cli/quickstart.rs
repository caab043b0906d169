//! The next steps after the first start.

use std::path::PathBuf;

/// What the first start has generated.
#[derive(Debug)]
pub(super) struct Quickstart {
    /// The file with the generated secrets.
    pub(super) file: PathBuf,
    /// Whether the service token is one of them; otherwise it is set elsewhere.
    pub(super) has_token: bool,
}

impl Quickstart {
    /// The steps, for standard output, as they are not log lines. The first address that speaks HTTP is the one to call.
    pub(super) fn text(&self, addresses: &[String]) -> String {
        let file = self.file.display();
        let mut text = format!("Generated secrets in {file}, readable only by you. Back them up.\n");
        let Some(address) = addresses.iter().find_map(|address| reachable(address)) else { return text };
        let (read, token) = match self.has_token {
            true => (format!(". {file} && "), "$PRESENCE_TOKEN"),
            false => (String::new(), "your PRESENCE_TOKEN"),
        };
        text += &format!(
            "Try it:\n\n  \
             {read}curl -s {address}/api/v1/presence/heartbeat \\\n    \
             -H \"Authorization: Bearer {token}\" -H 'Content-Type: application/json' \\\n    \
             -d '{{\"user_id\": 42, \"meta\": {{\"device\": \"phone\"}}}}'\n\n\
             Swagger UI: {address}/docs\n"
        );
        text
    }

    /// Writes the file to the log.
    pub(super) fn log(&self) {
        tracing::info!(file = %self.file.display(), "generated secrets: back them up");
    }
}

/// The URL of a listener as this host reaches it; `None` for a Unix socket.
fn reachable(address: &str) -> Option<String> {
    let place = address.strip_prefix("http://")?;
    let port = place.rsplit(':').next().unwrap_or_default();
    Some(match place {
        _ if place.starts_with("0.0.0.0:") => format!("http://127.0.0.1:{port}"),
        _ if place.starts_with("[::]:") => format!("http://[::1]:{port}"),
        _ => address.to_owned(),
    })
}
