//! How answers about presence are printed.

use serde_json::Value;

use crate::cli::output::print_line;
use crate::cli::table::{Table, cell, cells};
use crate::client::sanitize;

/// The columns of a change.
const CHANGE: [(&str, usize); 6] = [("TIME", 27), ("FROM", 7), ("TO", 7), ("CAUSE", 15), ("USER", 12), ("SCOPE", 5)];

/// Prints a status and the sessions.
pub(super) fn status(answer: &Value, json: bool) {
    let mut table = Table::new([("STATUS", 7), ("LAST SEEN", 27), ("LAST ONLINE", 27), ("META", 4)], json);
    table.row(answer, |answer| cells(answer, ["status", "last_seen_at", "last_online_at", "meta"]));
    if !json {
        sessions(
            &answer["sessions"],
            ["status", "last_seen_at", "id"],
            [("STATUS", 7), ("LAST SEEN", 27), ("SESSION", 7)],
        );
    }
}

/// Prints the sessions, if there are any.
fn sessions<const N: usize>(list: &Value, names: [&str; N], columns: [(&'static str, usize); N]) {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if !list.is_empty() {
        print_line("");
    }
    let mut table = Table::new(columns, false);
    list.iter().for_each(|session| table.row(session, |session| cells(session, names)));
}

/// Prints the number of members of a scope.
pub(super) fn counts(answer: &Value, json: bool) {
    let mut table = Table::new([("ONLINE", 8), ("AWAY", 8), ("PRESENT", 8)], json);
    table.row(answer, |answer| cells(answer, ["online", "away", "present"]));
}

/// A table of changes.
pub(super) fn changes_table(json: bool) -> Table<6> {
    Table::new(CHANGE, json)
}

/// A change as cells.
pub(super) fn change(change: &Value) -> [String; 6] {
    let [at, from, to, cause, user] = cells(change, ["occurred_at", "previous", "status", "cause", "user_id"]);
    let parts = change["scope"].as_object().into_iter().flatten().filter(|(_, part)| !part.is_null());
    let scope: Vec<String> = parts.map(|(name, _)| format!("{name}={}", cell(&change["scope"], name))).collect();
    [at, from, to, cause, user, scope.join(" ")]
}

/// Prints why a user has a status.
pub(super) fn explanation(answer: &Value, json: bool) {
    if json {
        return print_line(&answer.to_string());
    }
    let [status, since, key, record] = cells(answer, ["status", "since", "key", "record"]);
    print_line(&format!("{status} since {since}  ({key}; Laravel record: {record})"));
    for (title, name) in [("Why:", "reasons"), ("What would change it:", "would_change")] {
        print_line(title);
        for sentence in answer[name].as_array().into_iter().flatten().filter_map(Value::as_str) {
            print_line(&format!("  - {}", sanitize(sentence)));
        }
    }
    if answer["next"].is_object() {
        print_line(&format!("Next: {} at {}", cell(&answer["next"], "status"), cell(&answer["next"], "at")));
    }
    sessions(
        &answer["sessions"],
        ["active", "last_seen_at", "away_at", "offline_at", "id"],
        [("ACTIVE", 6), ("LAST SEEN", 27), ("AWAY AT", 27), ("OFFLINE AT", 27), ("SESSION", 7)],
    );
    sessions(
        &answer["deliveries"],
        ["waiting", "oldest_queued_at", "tries", "endpoint", "last"],
        [("WAITING", 7), ("OLDEST SINCE", 27), ("TRIES", 5), ("ENDPOINT", 12), ("LAST RESULT", 11)],
    );
}
