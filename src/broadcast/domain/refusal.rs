//! What the answer of a broadcast server means. Pure.

use crate::webhooks::domain::retry::AttemptResult;

/// Whether the server accepts nothing at all: it does not answer, fails, or refuses the signature or
/// the application.
pub fn is_outage(result: &AttemptResult) -> bool {
    match result {
        AttemptResult::Status { status, .. } => matches!(status, 401 | 403 | 404 | 429 | 500..),
        AttemptResult::Failed(_) | AttemptResult::Refused(_) => true,
    }
}

/// Whether the same request would be refused again.
pub fn is_final(result: &AttemptResult) -> bool {
    matches!(result, AttemptResult::Status { status: 400..=407 | 409..=428 | 430..=499, .. })
}

/// The result with what the server said.
pub fn describe(result: &AttemptResult, answer: &str) -> String {
    match (result, answer) {
        (AttemptResult::Status { .. }, "") => result.describe(),
        (AttemptResult::Status { .. }, answer) => format!("{}: {answer}", result.describe()),
        _ => result.describe(),
    }
}

/// Whether the server refused what was in the request, and may accept other content.
pub fn is_refusal_of_content(result: &AttemptResult) -> bool {
    matches!(result, AttemptResult::Status { status: 400 | 413 | 422, .. })
}

/// What Reverb answers to a path that it does not have.
const NO_ROUTE: &str = "Not found.";

/// What to correct after a request that was not accepted, and was answered with `answer`.
pub fn remedy(result: &AttemptResult, answer: &str) -> &'static str {
    match result {
        AttemptResult::Status { status: 401 | 403, .. } => {
            "the secret is not that of the application, or at Pusher the key is not, or the clocks differ: correct \
             REVERB_APP_SECRET, or PUSHER_APP_KEY and PUSHER_APP_SECRET"
        }
        AttemptResult::Status { status: 404, .. } if answer == NO_ROUTE => {
            "the server has its API under another path: correct REVERB_SERVER_PATH (broadcast.reverb.path)"
        }
        AttemptResult::Status { status: 404, .. } => {
            "the server has no application with this id: correct REVERB_APP_ID, or PUSHER_APP_ID"
        }
        AttemptResult::Status { status: 413, .. } => "the request is too large: lower broadcast.max_bytes",
        AttemptResult::Status { status: 400..=499, .. } => "the request was refused: check broadcast.channels",
        AttemptResult::Status { .. } => "the server fails: see its log",
        AttemptResult::Refused(_) => "the address is forbidden: see webhook.allowed_networks",
        AttemptResult::Failed(_) => {
            "start the server, or correct REVERB_HOST, REVERB_PORT and REVERB_SCHEME, or those of PUSHER_"
        }
    }
}
