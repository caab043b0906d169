//! The configuration and the checks of this sidecar over HTTP, for those who operate it.

use poem_openapi::{Object, OpenApi, Tags};
use serde::Serialize;
use tokio::sync::Mutex;

use super::checks::{self, Finding};
use super::live::LiveSettings;
use crate::config::Origin;
use crate::http::auth::ServiceAuth;
use crate::http::error::{ErrorSet, UNAUTHENTICATED};
use crate::http::{Documented, Json};

/// The group of operations in the OpenAPI document.
#[derive(Tags)]
pub enum Tag {
    /// This sidecar: its configuration, and whether all that it needs can be used.
    Operations,
}

/// The operations on this sidecar itself.
pub struct OperationsApi {
    live: LiveSettings,
    /// The checks open connections of their own: one call at a time.
    checking: Mutex<()>,
}

/// Errors of operations that need nothing but a token.
#[derive(Debug)]
pub struct TokenErrors;

impl ErrorSet for TokenErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED];
}

/// One key of the configuration.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Setting")]
pub struct SettingResponse {
    /// The key, as in `config/presence.toml`.
    key: String,
    /// The value in TOML; secrets are masked.
    value: String,
    /// Where it comes from, such as `default`, a file, `environment PRESENCE_TTL` or `flag --listen`.
    from: String,
}

/// The configuration in use.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Configuration")]
pub struct ConfigurationResponse {
    /// All keys that have a value, in the order of `config/presence.toml`.
    settings: Vec<SettingResponse>,
    /// What is allowed but probably not intended, in sentences.
    warnings: Vec<String>,
}

/// The result of one check.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Check")]
pub struct CheckResponse {
    /// What was checked, such as `store`.
    subject: String,
    /// What was found.
    what: String,
    /// What to do; null where nothing is wrong.
    fix: Option<String>,
}

/// The results of all checks.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Checks")]
pub struct ChecksResponse {
    /// In the order of `presence-sidecar doctor`.
    checks: Vec<CheckResponse>,
}

type Response<T> = Result<Json<T>, Documented<TokenErrors>>;

impl OperationsApi {
    /// The operations on the sidecar with these settings.
    pub(super) fn new(live: LiveSettings) -> Self {
        Self { live, checking: Mutex::default() }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Operations")]
impl OperationsApi {
    /// The configuration in use
    ///
    /// As `presence-sidecar config` prints it, with the changes of later reloads. Secrets are masked.
    #[oai(path = "/configuration", method = "get", operation_id = "configuration")]
    async fn configuration(&self, _auth: ServiceAuth) -> Response<ConfigurationResponse> {
        let loaded = self.live.loaded();
        let setting = |Origin { key, value, layer }: &Origin| SettingResponse {
            key: key.clone(),
            value: value.clone(),
            from: layer.clone(),
        };
        let settings = loaded.origins.iter().map(setting).collect();
        Ok(Json(ConfigurationResponse { settings, warnings: loaded.warnings.clone() }))
    }

    /// Check the stores and servers
    ///
    /// Checks what `presence-sidecar doctor` checks, but for the app: whether the store, the database and the broadcast
    /// server can be used, what their users may do, and whether stored keys decrypt. Takes up to some seconds.
    #[oai(path = "/checks", method = "get", operation_id = "checks")]
    async fn checks(&self, _auth: ServiceAuth) -> Response<ChecksResponse> {
        let _one = self.checking.lock().await;
        let findings = checks::check(&self.live.loaded()).await;
        let check = |Finding { subject, what, fix }| CheckResponse { subject, what, fix };
        Ok(Json(ChecksResponse { checks: findings.into_iter().map(check).collect() }))
    }
}
