//! What operators see.

use serde_json::value::RawValue;

use super::{Messaging, MessagingError, Outcome};
use crate::messaging::domain::{ClientId, is_online};
use crate::messaging::seal::{SealKey, aad};
use crate::messaging::store::{ClientRecord, MessageRecord};
use crate::php::date;

/// Most messages of one page.
const LISTED: i64 = 100;

/// A client as operators see it. Times are in microseconds since 1970.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// The id.
    pub id: ClientId,
    /// What people call it.
    pub name: Option<String>,
    /// When it registered.
    pub created_at: Option<i64>,
    /// When it was last heard of.
    pub last_seen_at: Option<i64>,
    /// Whether that is less than two minutes ago.
    pub online: bool,
    /// Where a page behind this client begins.
    pub place: (String, ClientId),
}

/// A message as operators see it.
#[derive(Debug)]
pub struct MessageView {
    /// The message, its time as clients read it.
    pub message: MessageRecord,
    /// What it says, as JSON; `None` if it does not open.
    pub payload: Option<Box<RawValue>>,
}

impl Messaging {
    /// All clients, the oldest first.
    pub async fn clients(&self) -> Outcome<Vec<ClientView>> {
        self.write_seen().await;
        Ok(self.store.clients().await?.into_iter().map(|client| self.view(client)).collect())
    }

    /// Up to `limit` clients behind a [`ClientView::place`], or from the first on.
    pub async fn clients_page(&self, after: Option<(&str, &ClientId)>, limit: i64) -> Outcome<Vec<ClientView>> {
        self.write_seen().await;
        let after = after.map_or(("", ""), |(created_at, id)| (created_at, id.as_str()));
        Ok(self.store.clients_page(after, limit).await?.into_iter().map(|client| self.view(client)).collect())
    }

    /// Up to 100 messages to a client behind an id, opened.
    pub async fn messages_of(&self, id: &ClientId, after: i64) -> Outcome<(ClientId, Vec<MessageView>)> {
        let client = self.store.client(id).await?.ok_or(MessagingError::UnknownClient)?;
        let messages = self.store.messages_of(&client.id, after, LISTED).await?;
        let key = self.key(&client.secrets.key_encrypted);
        let opened = messages.into_iter().map(|message| {
            let message = self.told(message);
            MessageView { payload: key.as_ref().and_then(|key| opened(key, &client.id, &message)), message }
        });
        let opened = opened.collect();
        Ok((client.id, opened))
    }

    fn view(&self, client: ClientRecord) -> ClientView {
        let micros = |text: &Option<String>| date::from_database(text.as_deref()?, self.zone);
        let last_seen_at = micros(&client.last_seen_at);
        let now = self.now().micros;
        ClientView {
            online: last_seen_at.is_some_and(|seen| is_online(seen, now)),
            created_at: micros(&client.created_at),
            last_seen_at,
            place: (client.created_at.unwrap_or_default(), client.id.clone()),
            id: client.id,
            name: client.name,
        }
    }
}

/// As the reference opens it: by what goes along with a message that a client sent itself, or with one it was sent.
fn opened(key: &SealKey, to: &ClientId, message: &MessageRecord) -> Option<Box<RawValue>> {
    let own = message.from.as_deref() == Some(to.as_str());
    let ts = &message.created_at;
    let aad = if own { aad::of_sent(to, ts) } else { aad::of_fan_out(to, ts) };
    let plain = key.open(&message.sealed, &[aad]).ok()?;
    let text = std::str::from_utf8(&plain).ok()?;
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str("[]").ok())
}
