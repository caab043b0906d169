//! Clients as operators see them.

use super::Clients;
use crate::messaging::domain::{ClientId, is_online};
use crate::messaging::service::error::Result;
use crate::messaging::store::ClientSummary;
use crate::php::date;

/// A client as operators see it. Times are in microseconds since 1970.
#[derive(Clone, Debug)]
pub struct ClientView {
    /// The client's id.
    pub id: ClientId,
    /// The display name.
    pub name: Option<String>,
    /// The time of registration.
    pub created_at: Option<i64>,
    /// The time of the last request.
    pub last_seen_at: Option<i64>,
    /// Whether the last request was within the last two minutes.
    pub online: bool,
    /// The stored time of registration, which earlier releases need in the cursor of a page.
    pub stored_at: String,
}

impl Clients {
    /// Returns the ids of all clients, oldest first.
    pub async fn ids(&self) -> Result<Vec<ClientId>> {
        self.context.write_last_seen().await;
        Ok(self.context.store.client_ids().await?)
    }

    /// Returns the clients with these ids, in their order, without those that are gone.
    pub async fn list(&self, ids: &[ClientId]) -> Result<Vec<ClientView>> {
        Ok(self.context.store.summaries_of(ids).await?.into_iter().map(|client| self.view(client)).collect())
    }

    /// Returns up to `limit` clients with ids after this one, or the first ones, by ascending id.
    pub async fn list_page(&self, after: Option<&ClientId>, limit: i64) -> Result<Vec<ClientView>> {
        self.context.write_last_seen().await;
        let page = self.context.store.clients_page(after, limit).await?;
        Ok(page.into_iter().map(|client| self.view(client)).collect())
    }

    fn view(&self, client: ClientSummary) -> ClientView {
        let micros = |text: &Option<String>| date::from_database(text.as_deref()?, self.context.zone);
        let last_seen_at = micros(&client.last_seen_at);
        let now = self.context.now().micros;
        ClientView {
            online: last_seen_at.is_some_and(|seen| is_online(seen, now)),
            created_at: micros(&client.created_at),
            last_seen_at,
            stored_at: client.created_at.unwrap_or_default(),
            id: client.id,
            name: client.name,
        }
    }
}
