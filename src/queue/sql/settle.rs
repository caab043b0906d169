//! Settles several jobs in one transaction.

use std::collections::{BTreeSet, HashMap};

use super::rows::{lane_key, millis};
use crate::queue::{Disposition, Settlement};
use crate::storage::sql::{Arg, Result, Statements, Transaction};

/// A transaction that settles jobs, with locks on their lanes.
pub(super) struct SettleTx<'a> {
    statements: &'a Statements,
    /// The heads of the lanes, by the keys of the lanes.
    heads: HashMap<String, ClaimedHead>,
    /// The jobs to remove.
    done: Vec<i64>,
    /// The lanes whose heads are settled.
    advanced: Vec<String>,
}

/// The head of a lane.
struct ClaimedHead {
    lease: i64,
    seq: i64,
    id: String,
}

impl<'a> SettleTx<'a> {
    /// Locks the lanes, in the order that all transactions use.
    pub(super) async fn begin(
        statements: &'a Statements,
        transaction: &mut Transaction,
        queue: &str,
        settlements: &[Settlement],
    ) -> Result<Self> {
        let lanes: BTreeSet<String> = settlements.iter().map(|settlement| lane_key(queue, &settlement.lane)).collect();
        let lanes: Vec<Arg<'_>> = lanes.iter().map(|lane| lane.as_str().into()).collect();
        let locked = transaction.rows(&statements.repeated("lock_lanes", lanes.len()), &lanes).await?;
        let leases = locked.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect::<Result<HashMap<_, _>>>()?;
        let mut heads = HashMap::new();
        for row in transaction.rows(&statements.repeated("head_ids", lanes.len()), &lanes).await? {
            let lane = row.text(0)?;
            if let Some(lease) = leases.get(&lane) {
                heads.insert(lane, ClaimedHead { lease: *lease, seq: row.int(1)?, id: row.text(2)? });
            }
        }
        Ok(Self { statements, heads, done: Vec::new(), advanced: Vec::new() })
    }

    /// Settles a job. Returns whether its lease was still valid.
    pub(super) async fn settle(
        &mut self,
        transaction: &mut Transaction,
        queue: &str,
        settlement: &Settlement,
    ) -> Result<bool> {
        let lane = lane_key(queue, &settlement.lane);
        let is_valid =
            |head: &ClaimedHead| u64::try_from(head.lease) == Ok(settlement.lease) && head.id == settlement.id;
        if !self.heads.get(&lane).is_some_and(is_valid) {
            return Ok(false);
        }
        let Some(ClaimedHead { seq, .. }) = self.heads.remove(&lane) else { return Ok(false) };
        match &settlement.disposition {
            Disposition::Done => {
                self.done.push(seq);
                self.advanced.push(lane);
            }
            Disposition::Retry(after, attempts) => {
                let [attempts, lane] = [&attempts.to_json(), &lane];
                transaction
                    .execute(&self.statements.get("update_attempts"), &[attempts.as_str().into(), seq.into()])
                    .await?;
                let delay = [millis(*after).into(), lane.as_str().into()];
                transaction.execute(&self.statements.get("delay_lane"), &delay).await?;
            }
            Disposition::Dead(attempts) => {
                let attempts = attempts.to_json();
                transaction
                    .execute(&self.statements.get("dead_letter"), &[attempts.as_str().into(), seq.into()])
                    .await?;
                self.advanced.push(lane);
            }
        }
        Ok(true)
    }

    /// Removes the jobs that are done, and makes the next jobs the heads of their lanes.
    pub(super) async fn finish(self, transaction: &mut Transaction) -> Result<()> {
        if !self.done.is_empty() {
            let done: Vec<Arg<'_>> = self.done.iter().map(|seq| Arg::from(*seq)).collect();
            transaction.execute(&self.statements.repeated("delete_jobs", done.len()), &done).await?;
        }
        if !self.advanced.is_empty() {
            let advanced: Vec<Arg<'_>> = self.advanced.iter().map(|lane| lane.as_str().into()).collect();
            transaction.execute(&self.statements.repeated("delete_empty_lanes", advanced.len()), &advanced).await?;
            transaction.execute(&self.statements.repeated("advance", advanced.len()), &advanced).await?;
        }
        Ok(())
    }
}
