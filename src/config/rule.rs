//! Scope rules: the typed form of presence.php's resolver closure.

use std::fmt;
use std::str::FromStr;

/// One way to find a part of the scope. Which callers it may be believed from is the edge's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `body`: the part of that name in the body's `scope`.
    Body,
    /// `query` or `query:name`: a query parameter, by default of the part's name.
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

/// Whether `name` can be a header's name (`token` of RFC 9110).
pub(super) fn is_token(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}
