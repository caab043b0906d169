//! The groups of operations in the OpenAPI document.

use poem_openapi::Tags;

/// A group of operations.
#[derive(Tags)]
pub enum Tag {
    /// Who is online, away or offline.
    Presence,
    /// For browsers with a user token.
    Browsers,
}
