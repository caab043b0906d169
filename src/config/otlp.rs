//! `[otlp]`: the collector that gets the spans of traces.

use serde::Deserialize;
use url::Url;

use super::layers::{Layers, Result};

/// `[otlp]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpConfig {
    /// Where spans are posted to, with the path `/v1/traces`; `None` exports none.
    pub traces: Option<Url>,
    /// The attribute `service.name` of the spans.
    pub service_name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOtlp {
    endpoint: Option<String>,
    service_name: String,
}

pub(super) fn resolve(raw: RawOtlp, layers: &Layers) -> Result<OtlpConfig> {
    let parse = |text: String| {
        let url = Url::parse(&format!("{}/v1/traces", text.trim_end_matches('/'))).ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| layers.error_at("otlp.endpoint", "must be a URL such as http://127.0.0.1:4318"))
    };
    Ok(OtlpConfig { traces: raw.endpoint.map(parse).transpose()?, service_name: raw.service_name })
}

/// Warns if the program has no export.
pub(super) fn warning(otlp: &OtlpConfig) -> Option<String> {
    (otlp.traces.is_some() && !cfg!(feature = "otlp")).then(|| {
        "otlp.endpoint is set, but this program is built without the feature otlp: no spans are exported".to_owned()
    })
}
