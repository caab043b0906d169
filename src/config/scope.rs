//! `[scope]`: how the tenant, location, domain and guard of a request are found.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::layers::{Layers, Result, is_token};

/// `[scope]`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScopeConfig {
    /// Whether the guard is a part of the cache key.
    pub include_guard: bool,
    /// The rules of each part.
    pub resolver: ResolverConfig,
    /// Host name to `domain` value, for the rule `host`; the host names are in lower case.
    pub domains: HashMap<String, String>,
}

/// `[scope.resolver]`: the rules of each part in order; the first one that yields a value wins.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResolverConfig {
    /// Rules of the tenant.
    pub tenant: Vec<Rule>,
    /// Rules of the location.
    pub location: Vec<Rule>,
    /// Rules of the domain.
    pub domain: Vec<Rule>,
    /// Rules of the guard.
    pub guard: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScope {
    include_guard: bool,
    domains: BTreeMap<String, String>,
    resolver: RawResolver,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResolver {
    tenant: Vec<String>,
    location: Vec<String>,
    domain: Vec<String>,
    guard: Vec<String>,
}

/// One way to find a part of the scope: the typed form of the resolver closure in presence.php.
///
/// The HTTP layer decides which rules apply to which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `body`: the part of this name in the body's `scope`.
    Body,
    /// `query` or `query:name`: a query parameter; by default its name is that of the part.
    Query(Option<String>),
    /// `header:X-Tenant-Id`: a request header.
    Header(String),
    /// `host`: the request's host name, through `[scope.domains]`.
    Host,
    /// `claim:tenant_id`: a claim of the user token.
    Claim(String),
    /// `literal:web`: this text.
    Literal(String),
}

/// What a rule is or begins with.
const WORDS: [&str; 6] = ["body", "query", "header", "host", "claim", "literal"];

const FORMS: &str = "must be one of body, query, query:name, header:X-Name, host, claim:name, literal:text";

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, argument) = match text.split_once(':') {
            Some((_, "")) => return Err(FORMS.to_owned()),
            Some((word, argument)) => (word, Some(argument.to_owned())),
            None => (text, None),
        };
        match (word, argument) {
            ("body", None) => Ok(Self::Body),
            ("query", name) => Ok(Self::Query(name)),
            ("header", Some(name)) if is_token(&name) => Ok(Self::Header(name)),
            ("host", None) => Ok(Self::Host),
            ("claim", Some(name)) => Ok(Self::Claim(name)),
            ("literal", Some(text)) => Ok(Self::Literal(text)),
            _ => Err(FORMS.to_owned()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("body"),
            Self::Query(None) => f.write_str("query"),
            Self::Query(Some(name)) => write!(f, "query:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Host => f.write_str("host"),
            Self::Claim(name) => write!(f, "claim:{name}"),
            Self::Literal(text) => write!(f, "literal:{text}"),
        }
    }
}

pub(super) fn resolve(raw: RawScope, layers: &Layers) -> Result<ScopeConfig> {
    let mut domains = HashMap::new();
    for (host, domain) in raw.domains {
        if domain.is_empty() || domain.contains(|c: char| c == '|' || c.is_control()) {
            return Err(layers.error_at("scope.domains", format!("has an invalid domain for {host:?}")));
        }
        if domains.insert(host.to_lowercase(), domain).is_some() {
            return Err(layers.error_at("scope.domains", format!("has {host:?} twice")));
        }
    }
    Ok(ScopeConfig { include_guard: raw.include_guard, resolver: resolver(&raw.resolver, layers)?, domains })
}

fn resolver(raw: &RawResolver, layers: &Layers) -> Result<ResolverConfig> {
    let rules = |part: &str, texts: &[String]| {
        let key = format!("scope.resolver.{part}");
        layers.parse_all_words(&key, texts, &WORDS, str::parse::<Rule>)
    };
    Ok(ResolverConfig {
        tenant: rules("tenant", &raw.tenant)?,
        location: rules("location", &raw.location)?,
        domain: rules("domain", &raw.domain)?,
        guard: rules("guard", &raw.guard)?,
    })
}
