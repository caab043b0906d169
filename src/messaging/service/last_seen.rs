//! When clients were last seen: noted at each request, written in batches.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use chrono_tz::Tz;

use crate::messaging::domain::ClientId;
use crate::messaging::store::MessageStore;
use crate::php::date;
use crate::storage::sql::Result;

/// Most clients in one statement.
const BATCH: usize = 500;

/// Who was seen since it was last written, and when, in microseconds since 1970.
#[derive(Default)]
pub(super) struct LastSeen(Mutex<HashMap<ClientId, i64>>);

impl LastSeen {
    pub(super) fn note(&self, id: &ClientId, at: i64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match noted.get_mut(id) {
            Some(known) => *known = at.max(*known),
            None => drop(noted.insert(id.clone(), at)),
        }
    }

    /// Writes what was noted. What cannot be written is noted again.
    pub(super) async fn write(&self, store: &MessageStore, zone: Tz) -> Result<()> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut seconds: BTreeMap<String, Vec<(ClientId, i64)>> = BTreeMap::new();
        for (id, at) in noted {
            seconds.entry(date::database(at, zone)).or_default().push((id, at));
        }
        let mut outcome = Ok(());
        for (second, clients) in seconds {
            for batch in clients.chunks(BATCH) {
                let ids: Vec<ClientId> = batch.iter().map(|(id, _)| id.clone()).collect();
                if let Err(error) = store.touch(&ids, &second).await {
                    batch.iter().for_each(|(id, at)| self.note(id, *at));
                    outcome = Err(error);
                }
            }
        }
        outcome
    }
}
