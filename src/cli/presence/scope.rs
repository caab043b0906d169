//! The scope that a command names, and the paths of the presence API in it.

use clap::Args;
use serde_json::Value;

/// Entries on a page of the change log or of a roster.
pub(super) const PAGE: usize = 1_000;

/// The scope of a user.
#[derive(Debug, Args)]
pub(super) struct ScopeArgs {
    /// The scope's tenant
    #[arg(long, global = true)]
    tenant: Option<String>,
    /// The scope's location
    #[arg(long, global = true)]
    location: Option<String>,
    /// The scope's domain
    #[arg(long, global = true)]
    domain: Option<String>,
    /// The scope's guard; `web` by default
    #[arg(long, global = true)]
    guard: Option<String>,
}

impl ScopeArgs {
    pub(super) fn parts(&self) -> [(&'static str, Option<&String>); 4] {
        [
            ("tenant", self.tenant.as_ref()),
            ("location", self.location.as_ref()),
            ("domain", self.domain.as_ref()),
            ("guard", self.guard.as_ref()),
        ]
    }

    /// A path of the presence API, with the scope in its query.
    pub(super) fn path(&self, operation: &str, query: &[(&str, Option<&String>)]) -> String {
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.parts().iter().chain(query) {
            value.iter().for_each(|value| _ = pairs.append_pair(name, value));
        }
        format!("/api/v1/presence/{operation}?{}", pairs.finish())
    }

    /// Whether a scope in a response has each part that is set here.
    pub(super) fn matches(&self, scope: &Value) -> bool {
        let is_equal = |part: &Value, wanted: &str| match part {
            Value::String(part) => part == wanted,
            Value::Number(part) => part.to_string() == wanted,
            _ => false,
        };
        self.parts().iter().all(|(name, wanted)| wanted.is_none_or(|wanted| is_equal(&scope[*name], wanted)))
    }
}
