//! The scope of a request: the configured rules, and the sources that each kind of caller may use.
//!
//! `body`, `query`, `header` and `host` are chosen by the caller, so they count only with a service token. A browser's
//! scope comes from the claims of its token only; there `body` means the claim `scope` (an object of parts), or the claim
//! with the name of the part. A browser that requests another scope gets a 403.

use poem::Request;
use poem::http::header;
use serde::Deserialize;
use serde_json::Value;

use super::scope_param::ScopeParam;
use crate::config::{Rule, ScopeConfig};
use crate::http::ApiError;
use crate::http::token_verifier::Claims;
use crate::presence::domain::identity::{Id, Scope, ScopeKey, Subject};

const FOREIGN: ApiError = ApiError::Forbidden("The token is for another scope.");
const UNUSABLE: ApiError = ApiError::Forbidden("The token's scope is not usable.");

/// The members of the claim `scope`.
const PARTS: [&str; 4] = ["tenant", "location", "domain", "guard"];

/// Resolves the scope of requests by the configured rules.
#[derive(Clone, Debug)]
pub struct ScopeResolver(ScopeConfig);

impl ScopeResolver {
    /// A resolver with the rules of `config`.
    pub fn new(config: ScopeConfig) -> Self {
        Self(config)
    }

    /// Whether the guard is part of keys.
    pub fn include_guard(&self) -> bool {
        self.0.include_guard
    }

    /// The scope of a request that names `requested` in its body or query.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`] for a browser that requests another scope than its token's, or whose token has a scope that
    /// is not usable; [`ApiError::Invalid`] for a value that cannot be part of a key.
    pub fn resolve(&self, request: &Request, claims: Option<&Claims>, requested: &Scope) -> Result<Scope, ApiError> {
        let find = |name: &'static str, rules: &[Rule], part: &Option<Id>| -> Result<Option<Id>, ApiError> {
            for rule in rules {
                let found = match claims {
                    None => self.resolve_from_request(request, rule, name, part)?,
                    Some(claims) => resolve_from_claims(rule, name, claims)?,
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        };
        let rules = &self.0.resolver;
        let scope = Scope {
            tenant: find("tenant", &rules.tenant, &requested.tenant)?,
            location: find("location", &rules.location, &requested.location)?,
            domain: find("domain", &rules.domain, &requested.domain)?,
            guard: find("guard", &rules.guard, &requested.guard)?,
        };
        scope.check().map_err(|(part, invalid)| ApiError::invalid(&format!("scope.{part}"), &invalid.to_string()))?;
        match claims {
            Some(_) if !covers(&scope, requested) => Err(FOREIGN),
            _ => Ok(scope),
        }
    }

    /// The key of the scope that [`resolve`](Self::resolve) returns.
    pub fn resolve_key(
        &self,
        request: &Request,
        claims: Option<&Claims>,
        requested: &Scope,
    ) -> Result<ScopeKey, ApiError> {
        self.resolve(request, claims, requested).map(|scope| scope.key(self.0.include_guard))
    }

    /// The user of an application's request.
    pub fn subject(&self, request: &Request, user: Id, requested: Option<ScopeParam>) -> Result<Subject, ApiError> {
        let scope = self.resolve(request, None, &requested.map(Scope::from).unwrap_or_default())?;
        Ok(Subject::new(user, scope, self.0.include_guard))
    }

    /// The users of a request that names many.
    pub fn of_request<'a>(&'a self, request: &'a Request) -> RequestScopes<'a> {
        RequestScopes { resolver: self, request, last: None }
    }

    fn resolve_from_request(
        &self,
        request: &Request,
        rule: &Rule,
        name: &str,
        part: &Option<Id>,
    ) -> Result<Option<Id>, ApiError> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = match rule {
            Rule::Body => return Ok(part.clone()),
            Rule::Claim(_) => None,
            Rule::Literal(text) => Some(text.clone()),
            Rule::Header(name) => header(name),
            Rule::Query(parameter) => query(request, parameter.as_deref().unwrap_or(name)),
            Rule::Host => host(request).map(|host| self.0.domains.get(&host).cloned().unwrap_or(host)),
        };
        let id = text.filter(|text| !text.is_empty()).map(|text| Id::text(&text));
        id.transpose().map_err(|invalid| ApiError::invalid(&format!("scope.{name}"), &invalid.to_string()))
    }
}

/// The users of an application's request. Neighbours mostly have the same scope, which is resolved once.
pub struct RequestScopes<'a> {
    resolver: &'a ScopeResolver,
    request: &'a Request,
    /// The last requested scope, the scope that it resolves to, and its key.
    last: Option<(Scope, Scope, ScopeKey)>,
}

impl RequestScopes<'_> {
    /// The next user of the request, as [`ScopeResolver::subject`] returns it.
    pub fn subject(&mut self, user: Id, requested: Option<ScopeParam>) -> Result<Subject, ApiError> {
        let requested = requested.map(Scope::from).unwrap_or_default();
        let last = self.last.take().filter(|(last, ..)| *last == requested);
        let (_, scope, key) = match last {
            Some(last) => self.last.insert(last),
            None => {
                let scope = self.resolver.resolve(self.request, None, &requested)?;
                let key = scope.key(self.resolver.include_guard());
                self.last.insert((requested, scope, key))
            }
        };
        Ok(Subject { key: key.user(&user), user, scope: scope.clone() })
    }
}

/// Whether every part of `requested` is the resolved one.
fn covers(resolved: &Scope, requested: &Scope) -> bool {
    let same = |resolved: &Option<Id>, requested: &Option<Id>| {
        requested.is_none() || resolved.as_ref().map(Id::to_string) == requested.as_ref().map(Id::to_string)
    };
    same(&resolved.tenant, &requested.tenant)
        && same(&resolved.location, &requested.location)
        && same(&resolved.domain, &requested.domain)
        && same(&resolved.guard, &requested.guard)
}

fn resolve_from_claims(rule: &Rule, name: &str, claims: &Claims) -> Result<Option<Id>, ApiError> {
    let value = match rule {
        Rule::Body => part_of(claims.get("scope"), name)?.or_else(|| claims.get(name)),
        Rule::Claim(claim) => claims.get(claim),
        Rule::Literal(text) => return Id::text(text).map(Some).map_err(|_| UNUSABLE),
        Rule::Header(_) | Rule::Query(_) | Rule::Host => None,
    };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match Id::deserialize(value) {
            // PHP leaves an empty part out of the key, so the token would be valid for the scope without that part.
            Ok(id) if !id.is_empty() => Ok(Some(id)),
            _ => Err(UNUSABLE),
        },
    }
}

/// A part of the claim `scope`. A claim of another form, or with a member that is no part, is refused: the token would be
/// valid for the default scope.
fn part_of<'a>(scope: Option<&'a Value>, name: &str) -> Result<Option<&'a Value>, ApiError> {
    match scope {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(parts)) if parts.keys().all(|part| PARTS.contains(&part.as_str())) => Ok(parts.get(name)),
        Some(Value::Array(parts)) if parts.is_empty() => Ok(None),
        Some(_) => Err(UNUSABLE),
    }
}

fn query(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The host name of the request, in lower case and without a port, as Symfony's `getHost()` returns it.
fn host(request: &Request) -> Option<String> {
    let value = request.headers().get(header::HOST)?.to_str().ok()?;
    let host = value.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(host.map_or(value, |(host, _)| host).trim().to_ascii_lowercase()).filter(|host| !host.is_empty())
}
