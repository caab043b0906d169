//! Which scope a request is about: the configured rules, and whom each of them believes.
//!
//! `body`, `query`, `header` and `host` are what a caller says, so they count only for callers with a service token. A
//! browser's scope comes from the claims of its token and from nothing else; there `body` means the claim `scope`
//! (an object of parts) or the claim called like the part. A browser that asks for another scope is refused.

use poem::Request;
use poem::http::header;
use serde_json::Value;

use crate::config::{Rule, ScopeConfig as Rules};
use crate::http::ApiError;
use crate::http::auth::Claims;
use crate::presence::domain::identity::{Id, Scope};

/// What a request says about its scope: `scope` in the body, or the query parameters called like the parts.
#[derive(Debug)]
pub struct RequestedScope<'a> {
    /// The parts it names.
    pub scope: &'a Scope,
    /// The request, for `query`, `header` and `host`.
    pub request: &'a Request,
}

const FOREIGN: ApiError = ApiError::Forbidden("The token is for another scope.");
const UNUSABLE: ApiError = ApiError::Forbidden("The token's scope is not usable.");

/// The scope of a request, by `rules`.
///
/// # Errors
/// [`ApiError::Forbidden`] for a browser that asks for another scope than its token's; [`ApiError::Invalid`] for a value
/// that cannot be part of a key.
pub fn resolve(rules: &Rules, claims: Option<&Claims>, wished: &RequestedScope<'_>) -> Result<Scope, ApiError> {
    let resolver = &rules.resolver;
    let find = |name: &'static str, list: &[Rule], said: &Option<Id>| -> Result<Option<Id>, ApiError> {
        for rule in list {
            let found = match claims {
                None => said_by_service(rules, rule, name, said, wished.request)?,
                Some(claims) => said_by_token(rule, name, claims)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    };
    let scope = Scope {
        tenant: find("tenant", &resolver.tenant, &wished.scope.tenant)?,
        location: find("location", &resolver.location, &wished.scope.location)?,
        domain: find("domain", &resolver.domain, &wished.scope.domain)?,
        guard: find("guard", &resolver.guard, &wished.scope.guard)?,
    };
    match claims {
        Some(_) if !covers(&scope, wished.scope) => Err(FOREIGN),
        _ => Ok(scope),
    }
}

/// Whether every part that is wished for is the one that was found.
fn covers(found: &Scope, wished: &Scope) -> bool {
    let same = |found: &Option<Id>, wished: &Option<Id>| {
        wished.is_none() || found.as_ref().map(Id::to_string) == wished.as_ref().map(Id::to_string)
    };
    same(&found.tenant, &wished.tenant)
        && same(&found.location, &wished.location)
        && same(&found.domain, &wished.domain)
        && same(&found.guard, &wished.guard)
}

fn said_by_service(
    rules: &Rules,
    rule: &Rule,
    name: &str,
    said: &Option<Id>,
    request: &Request,
) -> Result<Option<Id>, ApiError> {
    let text = match rule {
        Rule::Body => return Ok(said.clone()),
        Rule::Claim(_) => None,
        Rule::Literal(text) => Some(text.clone()),
        Rule::Header(header) => request.headers().get(header).and_then(|value| value.to_str().ok()).map(str::to_owned),
        Rule::Query(parameter) => query(request, parameter.as_deref().unwrap_or(name)),
        Rule::Host => host(request).map(|host| rules.domains.get(&host).cloned().unwrap_or(host)),
    };
    let id = text.filter(|text| !text.is_empty()).map(|text| Id::text(&text));
    id.transpose().map_err(|refused| ApiError::invalid(&format!("scope.{name}"), &refused.to_string()))
}

fn said_by_token(rule: &Rule, name: &str, claims: &Claims) -> Result<Option<Id>, ApiError> {
    let value = match rule {
        Rule::Body => part_of(claims.get("scope"), name)?.or_else(|| claims.get(name)),
        Rule::Claim(claim) => claims.get(claim),
        Rule::Literal(text) => return Id::text(text).map(Some).map_err(|_| UNUSABLE),
        Rule::Header(_) | Rule::Query(_) | Rule::Host => None,
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone()).map(Some).map_err(|_| UNUSABLE),
    }
}

/// A part of the claim `scope`. A claim that has no parts is refused: without them the token would be for the scope of
/// everybody who names none.
fn part_of<'a>(scope: Option<&'a Value>, name: &str) -> Result<Option<&'a Value>, ApiError> {
    match scope {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(parts)) => Ok(parts.get(name)),
        Some(Value::Array(none)) if none.is_empty() => Ok(None),
        Some(_) => Err(UNUSABLE),
    }
}

fn query(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The host name of the request, in lower case and without a port, as Symfony's `getHost()` gives it.
fn host(request: &Request) -> Option<String> {
    let value = request.headers().get(header::HOST)?.to_str().ok()?;
    let host = value.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(host.map_or(value, |(host, _)| host).trim().to_ascii_lowercase()).filter(|host| !host.is_empty())
}
