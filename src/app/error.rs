//! The error of a configuration that cannot be served.

/// The configuration cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub(super) String);
