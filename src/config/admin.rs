//! `[admin]`: the operators' page.

use serde::Deserialize;

/// `[admin]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Whether `/admin` is served.
    pub enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAdmin {
    enabled: bool,
}

pub(super) fn resolve(raw: &RawAdmin) -> AdminConfig {
    AdminConfig { enabled: raw.enabled }
}
