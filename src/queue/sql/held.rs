//! Jobs that are held at the ends of their lanes: reading them, and retracting them in a transaction.

use std::collections::{BTreeSet, HashMap};

use super::SqlQueue;
use super::rows::lane_key;
use crate::queue::HeldJob;
use crate::storage::sql::{Arg, Result, Transaction};

/// The locked lanes from which a transaction retracts jobs.
#[derive(Default)]
pub struct RetractTx {
    /// The held jobs that are left of each lane, by lane key, oldest first: their `seq` and ids.
    held: HashMap<String, Vec<(i64, String)>>,
    removed: Vec<i64>,
    changed: BTreeSet<String>,
}

impl SqlQueue {
    /// The [held](HeldJob) jobs of lanes, each given as queue and lane, in one statement; of each lane oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn held(&self, lanes: &[(&str, &str)]) -> Result<Vec<Vec<HeldJob>>> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = lanes.iter().map(|(queue, lane)| lane_key(queue, lane)).collect();
        let rows = self.database.rows(&self.statements.repeated("held_jobs", keys.len()), &args(&keys)).await?;
        let mut jobs: HashMap<String, Vec<HeldJob>> = HashMap::new();
        for row in &rows {
            let job = HeldJob { id: row.text(2)?, payload: row.bytes(3)? };
            jobs.entry(row.text(0)?).or_default().push(job);
        }
        Ok(keys.iter().map(|key| jobs.remove(key).unwrap_or_default()).collect())
    }

    /// Locks lanes, each given as queue and lane, until the transaction ends, and reads the jobs that are held there. It
    /// executes no statement if there are no lanes.
    ///
    /// # Errors
    /// The transaction has failed and must be retried or given up.
    pub async fn begin_retract(&self, transaction: &mut Transaction, lanes: &[(&str, &str)]) -> Result<RetractTx> {
        let keys: BTreeSet<String> = lanes.iter().map(|(queue, lane)| lane_key(queue, lane)).collect();
        let keys: Vec<String> = keys.into_iter().collect();
        let mut retract = RetractTx::default();
        if keys.is_empty() {
            return Ok(retract);
        }
        transaction.rows(&self.statements.repeated("lock_lanes", keys.len()), &args(&keys)).await?;
        for row in transaction.rows(&self.statements.repeated("held_jobs", keys.len()), &args(&keys)).await? {
            let (key, seq, id) = (row.text(0)?, row.int(1)?, row.text(2)?);
            retract.held.entry(key).or_default().push((seq, id));
        }
        Ok(retract)
    }

    /// Removes the retracted jobs from their lanes.
    ///
    /// # Errors
    /// The transaction has failed and must be retried or given up.
    pub async fn end_retract(&self, transaction: &mut Transaction, retract: RetractTx) -> Result<()> {
        if retract.removed.is_empty() {
            return Ok(());
        }
        let removed: Vec<Arg<'_>> = retract.removed.iter().map(|seq| Arg::from(*seq)).collect();
        transaction.execute(&self.statements.repeated("delete_jobs", removed.len()), &removed).await?;
        let changed: Vec<String> = retract.changed.into_iter().collect();
        transaction.execute(&self.statements.repeated("delete_empty_lanes", changed.len()), &args(&changed)).await?;
        Ok(())
    }
}

impl RetractTx {
    /// Retracts held jobs, pairs of queue and id, from the ends of the lanes called `lane`; in each queue the last job
    /// comes first. Returns false, and retracts none, if one of them is not held there.
    pub fn retract(&mut self, lane: &str, jobs: &[(&str, &str)]) -> bool {
        let mut ends: HashMap<String, usize> = HashMap::new();
        let mut removed = Vec::with_capacity(jobs.len());
        for (queue, id) in jobs {
            let key = lane_key(queue, lane);
            let held = self.held.get(&key).map_or(&[][..], Vec::as_slice);
            let end = ends.entry(key).or_insert(held.len());
            match held[..*end].last() {
                Some((seq, last)) if last == id => {
                    removed.push(*seq);
                    *end -= 1;
                }
                _ => return false,
            }
        }
        self.removed.append(&mut removed);
        for (key, end) in ends {
            if let Some(held) = self.held.get_mut(&key) {
                held.truncate(end);
            }
            self.changed.insert(key);
        }
        true
    }
}

fn args(keys: &[String]) -> Vec<Arg<'_>> {
    keys.iter().map(|key| Arg::from(key.as_str())).collect()
}
