//! Settles several jobs in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::rows::{lane_key, millis};
use crate::queue::{Disposition, Settlement};
use crate::storage::sql::{Arg, Result, Row, Statements, Transaction, padded};

/// A transaction that settles jobs, with locks on their lanes.
pub(super) struct SettleTx<'a> {
    statements: &'a Statements,
    /// The leases of the lanes and their first jobs, by the keys of the lanes.
    runs: HashMap<String, ClaimedRun>,
    /// The jobs to remove.
    done: Vec<i64>,
    /// The lanes whose heads are settled, and not retried.
    advanced: BTreeSet<String>,
}

/// The first jobs of a lane: their numbers and ids.
struct ClaimedRun {
    lease: i64,
    jobs: VecDeque<(i64, String)>,
}

impl<'a> SettleTx<'a> {
    /// Locks the lanes, in the order that all transactions use.
    pub(super) async fn begin(
        statements: &'a Statements,
        transaction: &mut Transaction,
        queue: &str,
        settlements: &[Settlement],
    ) -> Result<Self> {
        let mut lanes: BTreeMap<String, usize> = BTreeMap::new();
        for settlement in settlements {
            *lanes.entry(lane_key(queue, &settlement.lane)).or_default() += 1;
        }
        let keys: Vec<Arg<'_>> = lanes.keys().map(|lane| lane.as_str().into()).collect();
        let locked = transaction.rows(&statements.repeated("lock_lanes", keys.len()), &keys).await?;
        let mut runs = HashMap::new();
        for row in locked {
            runs.insert(row.text(0)?, ClaimedRun { lease: row.int(1)?, jobs: VecDeque::new() });
        }
        let args: Vec<Arg<'_>> =
            lanes.iter().flat_map(|(lane, jobs)| [Arg::from(lane.as_str()), (*jobs).into()]).collect();
        let rows = transaction.rows(&statements.repeated("run_ids", lanes.len()), &args).await?;
        let read = |row: &Row| Ok((row.text(0)?, row.int(1)?, row.text(2)?));
        let mut jobs = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        jobs.sort_unstable();
        for (lane, seq, id) in jobs {
            if let Some(run) = runs.get_mut(&lane) {
                run.jobs.push_back((seq, id));
            }
        }
        Ok(Self { statements, runs, done: Vec::new(), advanced: BTreeSet::new() })
    }

    /// Settles a job. Returns whether its lease was still valid.
    pub(super) async fn settle(
        &mut self,
        transaction: &mut Transaction,
        queue: &str,
        settlement: &Settlement,
    ) -> Result<bool> {
        let lane = lane_key(queue, &settlement.lane);
        let is_valid = |run: &&mut ClaimedRun| {
            let id = run.jobs.front().map(|(_, id)| id);
            u64::try_from(run.lease) == Ok(settlement.lease) && id == Some(&settlement.id)
        };
        let head = self.runs.get_mut(&lane).filter(is_valid).and_then(|run| run.jobs.pop_front());
        let Some((seq, _)) = head else { return Ok(false) };
        match &settlement.disposition {
            Disposition::Done => {
                self.done.push(seq);
                self.advanced.insert(lane);
            }
            Disposition::Retry(after, attempts) => {
                let [attempts, lane] = [&attempts.to_json(), &lane];
                transaction
                    .execute(&self.statements.get("update_attempts"), &[attempts.as_str().into(), seq.into()])
                    .await?;
                let delay = [millis(*after).into(), lane.as_str().into()];
                transaction.execute(&self.statements.get("delay_lane"), &delay).await?;
                // The jobs behind it wait with it.
                self.runs.remove(lane);
                self.advanced.remove(lane);
            }
            Disposition::Dead(attempts) => {
                let attempts = attempts.to_json();
                transaction
                    .execute(&self.statements.get("dead_letter"), &[attempts.as_str().into(), seq.into()])
                    .await?;
                self.advanced.insert(lane);
            }
        }
        Ok(true)
    }

    /// Removes the jobs that are done, and makes the next jobs the heads of their lanes.
    pub(super) async fn finish(self, transaction: &mut Transaction) -> Result<()> {
        if let Some(last) = self.done.last() {
            let done: Vec<Arg<'_>> = padded(self.done.iter(), last).map(|seq| Arg::from(*seq)).collect();
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
