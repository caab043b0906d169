//! What an application may read about presence: the users of a scope, and why a user has a status.

use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::connection::{ClientError, SidecarConnection};
use super::text::path_segment;

/// Number of users on a page.
const PAGE: &str = "100";

/// Number of changes of a user.
const HISTORY: &str = "100";

/// A caller with a service token, who reads one scope.
#[derive(Clone, Debug)]
pub struct PresenceReader {
    connection: SidecarConnection,
    token: SecretString,
    scope: Vec<(&'static str, String)>,
}

/// A page of the users of a scope who are present, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresencePage {
    /// The users.
    pub users: Vec<PresentUser>,
    /// The cursor of the next page; `None` on the last one.
    pub next: Option<String>,
    /// Users of the scope who are online.
    pub online: u64,
    /// Users of the scope who are away.
    pub away: u64,
}

/// A user who is present.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct PresentUser {
    /// The id: a text or a number.
    pub user_id: Value,
    /// `online` or `away`.
    pub status: String,
}

/// Why a user has a status, and the user's last changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserReport {
    /// Why.
    pub explanation: UserExplanation,
    /// The last changes, newest first.
    pub changes: Vec<UserChange>,
}

/// Why a user has a status.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct UserExplanation {
    /// `online`, `away` or `offline`.
    pub status: String,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// What would change it, in sentences.
    pub would_change: Vec<String>,
    /// The sessions.
    pub sessions: Vec<UserSession>,
}

/// A session of a user.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct UserSession {
    /// The session's name.
    pub id: String,
    /// Whether the user was active in it.
    pub active: bool,
    /// The time of its latest heartbeat.
    pub last_seen_at: String,
}

/// A change of a user.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct UserChange {
    /// The status after it.
    pub status: String,
    /// The status before it.
    pub previous: String,
    /// The time.
    pub occurred_at: String,
    /// Why it was recorded, if that is known.
    pub cause: Option<String>,
}

#[derive(Deserialize)]
struct RosterPage {
    data: Vec<PresentUser>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ScopeCounts {
    online: u64,
    away: u64,
}

#[derive(Deserialize)]
struct ChangeHistory {
    data: Vec<UserChange>,
}

impl PresentUser {
    /// The id as text.
    pub fn id(&self) -> String {
        match &self.user_id {
            Value::String(id) => id.clone(),
            other => other.to_string(),
        }
    }
}

impl PresenceReader {
    /// Creates a reader of the scope with these parts.
    pub fn new(connection: SidecarConnection, token: SecretString, scope: Vec<(&'static str, String)>) -> Self {
        Self { connection, token, scope }
    }

    /// The address of the sidecar.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// The scope in words; empty for the default one.
    pub fn scope_name(&self) -> String {
        let parts: Vec<String> = self.scope.iter().map(|(name, value)| format!("{name} {value}")).collect();
        parts.join(", ")
    }

    /// Returns a page of the users who are present, or only those with a status.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn page(&self, status: Option<&str>, cursor: Option<&str>) -> Result<PresencePage, ClientError> {
        let more = [Some(("limit", PAGE)), status.map(|it| ("status", it)), cursor.map(|it| ("cursor", it))];
        let roster = self.connection.expect::<RosterPage>(self.get("roster", &more));
        let counts = self.connection.expect::<ScopeCounts>(self.get("counts", &[]));
        let (RosterPage { data, next_cursor }, ScopeCounts { online, away }) = tokio::try_join!(roster, counts)?;
        Ok(PresencePage { users: data, next: next_cursor, online, away })
    }

    /// Returns why a user has a status, and the user's last changes.
    ///
    /// # Errors
    /// The sidecar does not answer, or refuses the request.
    pub async fn report(&self, user: &str) -> Result<UserReport, ClientError> {
        let user = path_segment(user);
        let explanation = self.connection.expect(self.get(&format!("explain/{user}"), &[]));
        let history = self.get(&format!("history/{user}"), &[Some(("limit", HISTORY))]);
        let (explanation, history) = tokio::try_join!(explanation, self.connection.expect::<ChangeHistory>(history))?;
        Ok(UserReport { explanation, changes: history.data })
    }

    fn get(&self, operation: &str, more: &[Option<(&str, &str)>]) -> RequestBuilder {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(&self.scope).extend_pairs(more.iter().flatten());
        let path = format!("/api/v1/presence/{operation}?{}", query.finish());
        self.connection.request(Method::GET, &path).bearer_auth(self.token.expose_secret())
    }
}
