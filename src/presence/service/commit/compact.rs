//! The compact form of a remembered state.
//!
//! Nearly all present users have one session. For such a user a remembered state is sufficient for refreshes alone, and a
//! heartbeat that is a refresh brings a meta of its own: so the meta is left out. The id is read from the user's key, if it
//! is spelled alike there; the scope is shared by all users of a scope.

use std::sync::Arc;

use crate::presence::domain::identity::{Id, Meta, Scope, SessionId, UserId, UserKey};
use crate::presence::domain::{Session, SessionEnd, State, Status, Timestamp};

/// What nearly all users have in common.
#[derive(Default)]
pub(super) struct Defaults {
    session: SessionId,
    meta: Meta,
}

/// A state of a present user, as a cache keeps it.
pub(super) enum CompactState {
    /// A user with one session, without the meta.
    Single(SingleSession),
    /// Any other state.
    Whole(Box<State>),
}

/// A state with one session.
pub(super) struct SingleSession {
    version: u64,
    since: Timestamp,
    seen: Timestamp,
    last_online: Option<Timestamp>,
    /// `None` for the default session.
    session: Option<SessionId>,
    scope: Arc<Scope>,
    /// What few users have.
    rest: Option<Box<Rest>>,
    spelling: Spelling,
    status: Status,
    is_active: bool,
}

/// What few users have.
struct Rest {
    user: UserId,
    ended: Option<SessionEnd>,
}

/// How the id of a user is spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// The number in the key.
    Number,
    /// The text in the key.
    Text,
    /// Not as in the key.
    Other,
}

impl CompactState {
    /// The compact form of the state of `key`. `scope` is the scope of the state.
    pub(super) fn new(key: &UserKey, state: State, scope: Arc<Scope>, defaults: &Defaults) -> Self {
        let [only] = state.sessions.as_slice() else { return Self::Whole(Box::new(state)) };
        let (seen, is_active) = (only.seen, only.active);
        let session = (only.id != defaults.session).then(|| only.id.clone());
        let spelling = Spelling::of(&state.user, key);
        let State { version, status, since, last_online, ended, user, .. } = state;
        let has_rest = spelling == Spelling::Other || ended.is_some();
        let rest = has_rest.then(|| Box::new(Rest { user, ended }));
        Self::Single(SingleSession {
            version,
            since,
            seen,
            last_online,
            session,
            scope,
            rest,
            spelling,
            status,
            is_active,
        })
    }

    /// The state of `key`; its meta is the default where it was left out.
    pub(super) fn into_state(self, key: &UserKey, defaults: &Defaults) -> State {
        let single = match self {
            Self::Single(single) => single,
            Self::Whole(state) => return *state,
        };
        let SingleSession { version, since, seen, last_online, session, scope, rest, spelling, status, is_active } =
            single;
        let (spelled, ended) = rest.map_or((None, None), |rest| (Some(rest.user), rest.ended));
        let user = spelled.unwrap_or_else(|| spelling.read(key));
        // A text of its own: responses take it to other threads.
        let id = session.unwrap_or_default();
        let sessions = vec![Session { id, seen, active: is_active }];
        let scope = Arc::unwrap_or_clone(scope);
        State { version, user, scope, status, since, sessions, last_online, ended, meta: defaults.meta.clone() }
    }

    /// About the bytes outside of the value itself, without those that users share.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Self::Single(SingleSession { session, rest, .. }) => {
                let rest = rest.as_ref().map_or(0, |rest| size_of::<Rest>() + text_bytes(&rest.user));
                rest + session.as_ref().map_or(0, session_bytes)
            }
            Self::Whole(state) => {
                let sessions = state.sessions.iter().map(|session| size_of::<Session>() + session_bytes(&session.id));
                let meta = state.meta.json().len() + state.meta.php().len() + size_of::<[usize; 6]>();
                size_of::<State>() + text_bytes(&state.user) + sessions.sum::<usize>() + meta
            }
        }
    }
}

impl Spelling {
    fn of(user: &UserId, key: &UserKey) -> Self {
        match user {
            Id::Int(number) if key.member().parse() == Ok(*number) => Self::Number,
            Id::Text(text) if **text == *key.member() => Self::Text,
            _ => Self::Other,
        }
    }

    fn read(self, key: &UserKey) -> UserId {
        match key.member().parse() {
            Ok(number) if self == Self::Number => Id::Int(number),
            _ => Id::Text(key.member().into()),
        }
    }
}

/// The bytes of a shared text, with its two counts.
fn text_bytes(id: &Id) -> usize {
    match id {
        Id::Int(_) => 0,
        Id::Text(text) => 16 + text.len().next_multiple_of(16),
    }
}

fn session_bytes(id: &SessionId) -> usize {
    16 + id.as_str().len().next_multiple_of(16)
}
