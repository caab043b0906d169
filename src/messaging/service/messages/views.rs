//! Messages as operators see them.

use serde_json::value::RawValue;

use super::Messages;
use crate::messaging::domain::ClientId;
use crate::messaging::seal::{SealKey, aad};
use crate::messaging::service::error::{MessagingError, Result};
use crate::messaging::store::{MessageRecord, PageRequest};

/// Maximum number of messages on a page.
const PAGE: i64 = 100;

/// A message as operators see it.
#[derive(Debug)]
pub struct MessageView {
    /// The message, with its time as clients read it.
    pub message: MessageRecord,
    /// The decrypted content as JSON; `None` if it does not decrypt.
    pub payload: Option<Box<RawValue>>,
}

impl Messages {
    /// Returns up to 100 messages to a client after an id, decrypted, and the client's id as stored.
    ///
    /// # Errors
    /// [`MessagingError::UnknownClient`] if there is no such client.
    pub async fn list(&self, id: &ClientId, after: i64) -> Result<(ClientId, Vec<MessageView>)> {
        let client = self.context.store.client(id).await?.ok_or(MessagingError::UnknownClient)?;
        let messages = self.context.store.page(PageRequest { client: client.id.clone(), after, limit: PAGE }).await?;
        let key = self.context.decrypt_key(&client.secrets.key_encrypted);
        let views = messages.into_iter().map(|message| {
            let message = self.context.with_client_time(message);
            MessageView { payload: key.as_ref().and_then(|key| open(key, &client.id, &message)), message }
        });
        let views = views.collect();
        Ok((client.id, views))
    }
}

/// Opens a message as the reference server does: with the AAD of a fan-out, and first with that of a sent message if the client
/// sent it itself. It may have relayed one to itself, too.
fn open(key: &SealKey, to: &ClientId, message: &MessageRecord) -> Option<Box<RawValue>> {
    let own = message.from.as_deref() == Some(to.as_str());
    let ts = &message.created_at;
    let sent = own.then(|| aad::of_sent(to, ts));
    let aads: Vec<String> = sent.into_iter().chain([aad::of_fan_out(to, ts)]).collect();
    let plain = key.open(&message.sealed, &aads).ok()?;
    let text = std::str::from_utf8(&plain).ok()?;
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str("[]").ok())
}
