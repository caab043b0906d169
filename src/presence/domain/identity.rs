//! Identities: user ids, scopes, sessions, and the cache key that they share with Laravel. Each type has one fallible
//! constructor.

use std::fmt;
use std::sync::Arc;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize, de};

use super::invalid_id::checked;
pub use super::invalid_id::{InvalidId, MAX_LENGTH};
pub use super::meta::Meta;
use super::whole::whole;
use crate::laravel::cache_key;
use crate::laravel::cache_key::{Scalar, ScopeParts};
use crate::php;

/// The labels of the other parts of a key.
const LABELS: [&str; 4] = ["loc:", "dom:", "guard:", "user:"];

/// A string or a 64-bit integer, kept apart: responses give 123 as a number, "123" as a string.
///
/// Both name the same presence, as they do in PHP.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A JSON integer.
    Int(i64),
    /// A JSON string without `|` and control characters, at most [`MAX_LENGTH`] characters.
    Text(Arc<str>),
}

/// The id of a user.
pub type UserId = Id;

impl Id {
    /// The textual id `text`.
    pub fn text(text: &str) -> Result<Self, InvalidId> {
        checked(text).map(|text| Self::Text(text.into()))
    }

    /// The id in a URL or a claim, where numbers come as text: canonical integers are integers.
    pub fn from_path(text: &str) -> Result<Self, InvalidId> {
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Ok(Self::Int(number)),
            _ => Self::text(text),
        }
    }

    /// The id as PHP normalizes the key of an array: a text that spells an integer becomes the integer.
    pub fn normalized(self) -> Self {
        match &self {
            Self::Text(text) => match php::ArrayKey::from(text.as_ref()) {
                php::ArrayKey::Int(number) => Self::Int(number),
                php::ArrayKey::String(_) => self,
            },
            Self::Int(_) => self,
        }
    }

    /// Whether it is a text without a visible character, which is no id of a user.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }

    /// Whether PHP's `empty()` is true for it: as a part of a scope it means that the part is not set.
    pub fn is_empty(&self) -> bool {
        self.scalar().is_empty()
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Int(number) => Scalar::Int(*number),
            Self::Text(text) => Scalar::Str(text),
        }
    }
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or a 64-bit integer")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id::Int(number))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                i64::try_from(number).map(Id::Int).map_err(|_| E::custom(InvalidId::Type))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Id, E> {
                whole(number).map(Id::Int).ok_or_else(|| E::custom(InvalidId::Type))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Id::text(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Where a user is present. A part that is `None` is not part of the key; no guard means `web`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// The tenant, in the key as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Id>,
    /// The location, in the key behind `loc:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Id>,
    /// The domain, in the key behind `dom:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Id>,
    /// The guard, in the key behind `guard:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Id>,
}

/// The four parts of a scope; null for a part that is not set.
#[derive(Debug, Serialize)]
pub struct Parts<'a> {
    /// The tenant.
    pub tenant: &'a Option<Id>,
    /// The location.
    pub location: &'a Option<Id>,
    /// The domain.
    pub domain: &'a Option<Id>,
    /// The guard.
    pub guard: &'a Option<Id>,
}

impl Scope {
    /// All four parts.
    pub fn parts(&self) -> Parts<'_> {
        Parts { tenant: &self.tenant, location: &self.location, domain: &self.domain, guard: &self.guard }
    }

    /// Checks that the key of this scope is not that of another scope, whose parts differ in kind.
    ///
    /// # Errors
    /// The name of the part, and its problem.
    pub fn check(&self) -> Result<(), (&'static str, InvalidId)> {
        let parts =
            [("tenant", &self.tenant), ("location", &self.location), ("domain", &self.domain), ("guard", &self.guard)];
        for (name, part) in parts {
            let Some(Id::Text(text)) = part else { continue };
            let in_key = cache_key::snake_part(text);
            if in_key.is_empty() && !text.is_empty() {
                return Err((name, InvalidId::Blank));
            }
            // The tenant alone has no label of its own in the key.
            if name == "tenant" && LABELS.iter().any(|label| in_key.starts_with(label)) {
                return Err((name, InvalidId::Label));
            }
        }
        Ok(())
    }

    /// The scope's part of every member's logical key, e.g. `presence|acme|guard:web`.
    pub fn key(&self, include_guard: bool) -> ScopeKey {
        ScopeKey(self.logical_key(include_guard).into())
    }

    fn logical_key(&self, include_guard: bool) -> String {
        fn scalar(part: Option<&Id>) -> Scalar<'_> {
            part.map_or(Scalar::Null, Id::scalar)
        }
        let parts = ScopeParts {
            tenant: scalar(self.tenant.as_ref()),
            location: scalar(self.location.as_ref()),
            domain: scalar(self.domain.as_ref()),
            guard: scalar(self.guard.as_ref()),
        };
        cache_key::scope_key(&parts, include_guard)
    }
}

/// A scope as a key of Laravel's cache: the prefix of the logical keys of its members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ScopeKey(Arc<str>);

impl ScopeKey {
    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The logical cache key of one user in this scope.
    pub fn user(&self, user: &UserId) -> UserKey {
        UserKey { scope: self.0.len(), logical: cache_key::logical_key(&self.0, user.scalar()).into() }
    }
}

/// A user's logical cache key, e.g. `presence|acme|guard:web|user:7`: the identity that PHP and the sidecar share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    logical: Arc<str>,
    scope: usize,
}

impl UserKey {
    /// The logical key, before any prefix.
    pub fn as_str(&self) -> &str {
        &self.logical
    }

    /// The part all members of the scope share.
    pub fn scope(&self) -> &str {
        &self.logical[..self.scope]
    }

    /// The part that names the user. Rosters are ordered by it.
    pub fn member(&self) -> &str {
        &self.logical[self.scope + MEMBER.len()..]
    }

    /// Reads a key that [`UserKey::as_str`] returned.
    pub fn parse(logical: &str) -> Option<Self> {
        logical.rfind(MEMBER).map(|scope| Self { logical: logical.into(), scope })
    }

    /// The key of `member` in `scope`; the inverse of [`UserKey::scope`] and [`UserKey::member`].
    pub fn of_member(scope: &str, member: &str) -> Self {
        Self { logical: format!("{scope}{MEMBER}{member}").into(), scope: scope.len() }
    }
}

const MEMBER: &str = "|user:";

/// A user in a scope, with the key of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The id of the user as the caller spelled it.
    pub user: UserId,
    /// The scope as the caller spelled it.
    pub scope: Scope,
    /// The key of both.
    pub key: UserKey,
}

impl Subject {
    /// The subject for a user in a scope.
    pub fn new(user: UserId, scope: Scope, include_guard: bool) -> Self {
        let mut logical = scope.logical_key(include_guard);
        let length = logical.len();
        cache_key::push_user(user.scalar(), &mut logical);
        Self { user, scope, key: UserKey { logical: logical.into(), scope: length } }
    }
}

/// The name of one tab or device of a user. Unnamed, it is `default`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// The session called `name`.
    pub fn new(name: &str) -> Result<Self, InvalidId> {
        checked(name).map(|name| Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SessionId {
    fn default() -> Self {
        Self("default".into())
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::new(&name).map_err(de::Error::custom)
    }
}
