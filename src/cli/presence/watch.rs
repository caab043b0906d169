//! The change log: its pages, and the stream of new changes.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::scope::{PAGE, ScopeArgs};
use super::show;
use crate::cli::output::print_error;
use crate::cli::run::{CommandResult, shutdown_signal};
use crate::cli::sidecar::Sidecar;
use crate::cli::table::{Table, cell};
use crate::client::{ClientError, EventStream, StreamedEvent};

/// The pause before a lost stream is opened again, if the sidecar names no other.
const RECONNECT: Duration = Duration::from_secs(1);

/// Which changes are printed.
#[derive(Debug, Args)]
pub(super) struct Following {
    /// Only changes after this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Only changes of this user
    #[arg(long, value_name = "ID")]
    user: Option<String>,
}

impl Following {
    fn matches(&self, scope: &ScopeArgs, change: &Value) -> bool {
        let is_user = self.user.as_ref().is_none_or(|user| cell(change, "user_id") == *user);
        is_user && scope.matches(&change["scope"])
    }
}

/// Prints the change log up to its end, at most `limit` changes.
pub(super) async fn changes(
    sidecar: &Sidecar,
    (following, scope): (&Following, &ScopeArgs),
    limit: usize,
    json: bool,
) -> CommandResult {
    let (mut table, mut after, mut left) = (show::changes_table(json), following.after.clone(), limit);
    while left > 0 {
        let page = sidecar.get(&page_after(after.as_deref())).await?;
        let entries = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        if entries.is_empty() {
            break;
        }
        for change in entries {
            if left == 0 {
                break;
            }
            after = change["cursor"].as_str().map(str::to_owned);
            if following.matches(scope, change) {
                table.row(change, show::change);
                left -= 1;
            }
        }
    }
    table.finish("No changes.");
    after.iter().for_each(|cursor| print_error(&format!("Continue with --after {cursor}")));
    Ok(())
}

fn page_after(cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &PAGE.to_string());
    cursor.iter().for_each(|cursor| _ = query.append_pair("after", cursor));
    format!("/api/v1/presence/changes?{}", query.finish())
}

/// Prints changes as they happen, until a signal.
pub(super) async fn watch(sidecar: &Sidecar, following: &Following, scope: &ScopeArgs, json: bool) -> CommandResult {
    tokio::select! {
        result = follow(sidecar, following, scope, json) => result,
        () = shutdown_signal() => Ok(()),
    }
}

async fn follow(sidecar: &Sidecar, following: &Following, scope: &ScopeArgs, json: bool) -> CommandResult {
    let (mut table, mut place) = (show::changes_table(json), following.after.clone());
    loop {
        let lost = match open(sidecar, place.as_deref()).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(event) => print(event, &mut place, (following, scope), &mut table),
                    Err(failure) => break failure,
                }
            },
            Err(failure) => failure,
        };
        if !lost.is_retryable() {
            return Err(sidecar.explain(&lost));
        }
        print_error(&format!("presence-sidecar: {}; connecting again", sidecar.explain(&lost)));
        tokio::time::sleep(lost.retry_after().unwrap_or_default().max(RECONNECT)).await;
    }
}

async fn open(sidecar: &Sidecar, place: Option<&str>) -> Result<EventStream, ClientError> {
    let request = sidecar.request(Method::GET, "/api/v1/presence/stream").header("Accept", "text/event-stream");
    let request = match place {
        Some(place) => request.header("Last-Event-ID", place),
        None => request,
    };
    EventStream::open(sidecar.connection(), request).await
}

/// Prints the change in an event, if it is one; `place` is where the stream continues.
fn print(
    event: StreamedEvent,
    place: &mut Option<String>,
    (following, scope): (&Following, &ScopeArgs),
    table: &mut Table<6>,
) {
    if let Some(id) = event.id {
        *place = Some(id);
    }
    let change: Value = serde_json::from_str(&event.data).unwrap_or_default();
    if change["previous"].is_string() && following.matches(scope, &change) {
        table.row(&change, show::change);
    }
}
