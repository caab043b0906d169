//! Erases what is stored about one user or client, for commands.

use super::error::BuildError;
use super::presence::windows;
use super::stores::Stores;
use super::{table_names, webhooks};
use crate::config::{CacheStore, Config};
use crate::messaging::domain::ClientId;
use crate::messaging::store::MessageStore;
use crate::presence::domain::identity::UserId;
use crate::presence::service::erasure::{Erased, Eraser};
use crate::storage::sql::Database;

/// Erases the state, the changes and the deliveries of a user, in every scope, from the stores of a configuration.
///
/// # Errors
/// One sentence: the store is in the memory of another process, or does not answer.
pub async fn erase_user(config: &Config, user: &UserId) -> Result<Erased, String> {
    if config.cache.store == CacheStore::Array {
        return Err("presence is in the memory of the sidecar (cache.store = array): restart it".to_owned());
    }
    let outbox = webhooks::outbox(config);
    let queues = outbox.queues.iter().map(|queue| queue.name.clone()).collect();
    let stores = Stores::of(config, outbox).map_err(|BuildError(reason)| reason)?;
    let (store, queue) = (stores.store.clone(), stores.queue.clone());
    let eraser = Eraser { store, queue, queues, include_guard: config.scope.include_guard, windows: windows(config) };
    let erased = eraser.erase(user).await.map_err(|error| format!("{}: {}", stores.store.name(), error.reason()));
    if let Some(redis) = stores.redis {
        // The commits have registered this process.
        _ = redis.leave().await;
    }
    if let Some(database) = stores.database {
        database.close().await;
    }
    erased
}

/// Reads the ids of clients.
///
/// # Errors
/// One sentence that names a text that is not the id of a client.
pub fn client_ids(texts: &[String]) -> Result<Vec<ClientId>, String> {
    let id =
        |text: &String| ClientId::parse(text).ok_or_else(|| format!("{text} is not the id of a client: it is no UUID"));
    texts.iter().map(id).collect()
}

/// Erases clients with their messages; returns the number of messages.
///
/// # Errors
/// One sentence: no client has one of the ids, or the database does not answer.
pub async fn erase_clients(config: &Config, clients: &[ClientId]) -> Result<u64, String> {
    if clients.is_empty() {
        return Ok(0);
    }
    let database = Database::open(&config.database);
    let store = MessageStore::new(database.clone(), &table_names(config));
    let (mut messages, mut unknown) = (0, None);
    for client in clients {
        match store.erase_client(client).await.map_err(|error| error.chain())? {
            Some(erased) => messages += erased,
            None => unknown = Some(client),
        }
    }
    database.close().await;
    match unknown {
        Some(client) => Err(format!("no client has the id {}; the others were erased", client.as_str())),
        None => Ok(messages),
    }
}
