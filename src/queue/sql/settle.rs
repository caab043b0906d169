//! SettleTx several jobs in one transaction.

use std::collections::{BTreeSet, HashMap};

use super::{lane_key, millis, written};
use crate::queue::{Disposition, Settlement};
use crate::storage::sql::{Arg, Result, Statements, Transaction};

/// Jobs that are about to be settled, their lanes in hand.
pub(super) struct SettleTx<'a> {
    statements: &'a Statements,
    /// By their lanes.
    in_hand: HashMap<String, ClaimedHead>,
    done: Vec<i64>,
    /// Lanes that have lost their heads.
    moved: Vec<String>,
}

/// The head of a lane.
struct ClaimedHead {
    lease: i64,
    seq: i64,
    id: String,
}

impl<'a> SettleTx<'a> {
    /// Takes the lanes in hand, in the order in which everybody does.
    pub(super) async fn begin(
        statements: &'a Statements,
        transaction: &mut Transaction,
        queue: &str,
        settlements: &[Settlement],
    ) -> Result<Self> {
        let lanes: BTreeSet<String> = settlements.iter().map(|settlement| lane_key(queue, &settlement.lane)).collect();
        let lanes: Vec<Arg<'_>> = lanes.iter().map(|lane| lane.as_str().into()).collect();
        let held = transaction.rows(&statements.repeated("hold", lanes.len()), &lanes).await?;
        let leases = held.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect::<Result<HashMap<_, _>>>()?;
        let mut in_hand = HashMap::new();
        for row in transaction.rows(&statements.repeated("head_ids", lanes.len()), &lanes).await? {
            let lane = row.text(0)?;
            if let Some(lease) = leases.get(&lane) {
                in_hand.insert(lane, ClaimedHead { lease: *lease, seq: row.int(1)?, id: row.text(2)? });
            }
        }
        Ok(Self { statements, in_hand, done: Vec::new(), moved: Vec::new() })
    }

    /// Settles one of them; says whether its lease still held.
    pub(super) async fn settle(
        &mut self,
        transaction: &mut Transaction,
        queue: &str,
        settlement: &Settlement,
    ) -> Result<bool> {
        let lane = lane_key(queue, &settlement.lane);
        let holds = |head: &ClaimedHead| u64::try_from(head.lease) == Ok(settlement.lease) && head.id == settlement.id;
        if !self.in_hand.get(&lane).is_some_and(holds) {
            return Ok(false);
        }
        let Some(ClaimedHead { seq, .. }) = self.in_hand.remove(&lane) else { return Ok(false) };
        match &settlement.disposition {
            Disposition::Done => {
                self.done.push(seq);
                self.moved.push(lane);
            }
            Disposition::Retry(after, attempts) => {
                let [attempts, lane] = [&written(attempts), &lane];
                transaction
                    .execute(&self.statements.get("note_tries"), &[attempts.as_str().into(), seq.into()])
                    .await?;
                let put_off = [millis(*after).into(), lane.as_str().into()];
                transaction.execute(&self.statements.get("put_off"), &put_off).await?;
            }
            Disposition::Dead(attempts) => {
                let attempts = written(attempts);
                transaction.execute(&self.statements.get("bury"), &[attempts.as_str().into(), seq.into()]).await?;
                self.moved.push(lane);
            }
        }
        Ok(true)
    }

    /// Removes what is done, and makes the next jobs the heads of their lanes.
    pub(super) async fn end(self, transaction: &mut Transaction) -> Result<()> {
        if !self.done.is_empty() {
            let done: Vec<Arg<'_>> = self.done.iter().map(|seq| Arg::from(*seq)).collect();
            transaction.execute(&self.statements.repeated("remove", done.len()), &done).await?;
        }
        if !self.moved.is_empty() {
            let moved: Vec<Arg<'_>> = self.moved.iter().map(|lane| lane.as_str().into()).collect();
            transaction.execute(&self.statements.repeated("drop_empty", moved.len()), &moved).await?;
            transaction.execute(&self.statements.repeated("advance", moved.len()), &moved).await?;
        }
        Ok(())
    }
}
