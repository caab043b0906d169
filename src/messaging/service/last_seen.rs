//! Times of last requests: recorded at each request, written in batches.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use chrono_tz::Tz;

use crate::messaging::domain::ClientId;
use crate::messaging::store::MessageStore;
use crate::php::date;
use crate::storage::sql::Result;

/// Maximum number of clients in one statement.
const BATCH: usize = 500;

/// The clients that made requests since the last write, with the time of the last request in microseconds since 1970.
#[derive(Default)]
pub struct LastSeen(Mutex<HashMap<ClientId, i64>>);

impl LastSeen {
    /// Records a request of a client at `at`.
    pub fn record(&self, id: &ClientId, at: i64) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match times.get_mut(id) {
            Some(time) => *time = at.max(*time),
            None => drop(times.insert(id.clone(), at)),
        }
    }

    /// Writes the recorded times. Records again what cannot be written.
    pub async fn write(&self, store: &MessageStore, zone: Tz) -> Result<()> {
        let times = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_second: BTreeMap<String, Vec<(ClientId, i64)>> = BTreeMap::new();
        for (id, at) in times {
            by_second.entry(date::database(at, zone)).or_default().push((id, at));
        }
        let mut result = Ok(());
        for (second, clients) in by_second {
            for batch in clients.chunks(BATCH) {
                let ids: Vec<ClientId> = batch.iter().map(|(id, _)| id.clone()).collect();
                if let Err(error) = store.touch(&ids, &second).await {
                    batch.iter().for_each(|(id, at)| self.record(id, *at));
                    result = Err(error);
                }
            }
        }
        result
    }
}
