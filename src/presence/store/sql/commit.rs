//! Commits, in a transaction or light.

use std::collections::HashMap;

use super::plan::{Plan, Records, StoredRow};
use super::rows::{LoadQuery, args};
use super::{Commit, Committed, SqlStore, StoredUser, Timestamp};
use crate::presence::domain::{RecordLookup, Status};
use crate::storage::sql::{Arg, Result, Row, Transaction};

/// What is on file of users, by the names of their rows.
pub(super) type StoredRows = HashMap<String, StoredRow>;

impl SqlStore {
    /// Commits nothing but records: puts them, and tells whether they were still to be put.
    pub(super) async fn try_to_commit_light(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let mut records = Records::default();
        commits.iter().for_each(|commit| records.add(&self.table, commit, now));
        let puts = records.put_args();
        if !puts.is_empty() {
            self.database.execute(&self.statements.repeated("put", puts.len() / 3), &puts).await?;
        }
        let asked = self.asked(commits);
        let statement = self.statements.repeated("filed", asked.names.len());
        let filed = read(&self.database.rows(&statement, &args(&asked.names).collect::<Vec<_>>()).await?)?;
        let is_outdated = |place: &usize| version(filed.get(&asked.names[*place])) != commits[*place].expected;
        let outdated: Vec<usize> = (0..commits.len()).filter(is_outdated).collect();
        if outdated.is_empty() {
            return Ok(settled(commits, Vec::new()));
        }
        let asked = LoadQuery::new(&self.table, outdated.iter().map(|place| &commits[*place].key));
        let rows = self.database.rows(&self.statements.repeated("load", outdated.len()), &asked.args()).await?;
        Ok(settled(commits, outdated.into_iter().zip(asked.known(&rows, now)?).collect()))
    }

    /// Commits all that still may be, in one transaction.
    pub(super) async fn try_to_commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let mut transaction = self.database.begin().await?;
        let (last, _) = self.hold_log(&mut transaction).await?;
        let asked = self.asked(commits);
        let statement = self.statements.repeated("filed", asked.names.len());
        let mut filed = read(&transaction.rows(&statement, &args(&asked.names).collect::<Vec<_>>()).await?)?;
        let mut plan = Plan::default();
        let mut outdated = Vec::new();
        for (place, (commit, name)) in commits.iter().zip(&asked.names).enumerate() {
            let before = filed.get(name).copied();
            if version(before.as_ref()) != commit.expected {
                outdated.push(place);
                continue;
            }
            plan.records.add(&self.table, commit, now);
            match plan.add(name, commit, before) {
                Some(after) => filed.insert(name.clone(), after),
                None => filed.remove(name),
            };
        }
        self.write(&mut transaction, &plan, (last, now)).await?;
        self.announcing.push(&mut transaction, &plan.changes).await?;
        let mut conflicts = Vec::new();
        if !outdated.is_empty() {
            let asked = LoadQuery::new(&self.table, outdated.iter().map(|place| &commits[*place].key));
            let rows = transaction.rows(&self.statements.repeated("load", outdated.len()), &asked.args()).await?;
            conflicts = outdated.into_iter().zip(asked.known(&rows, now)?).collect();
        }
        transaction.commit().await?;
        Ok(settled(commits, conflicts))
    }

    fn asked(&self, commits: &[Commit]) -> LoadQuery {
        LoadQuery::new(&self.table, commits.iter().map(|commit| &commit.key))
    }

    async fn write(&self, transaction: &mut Transaction, plan: &Plan<'_>, (last, now): (i64, Timestamp)) -> Result<()> {
        let (log, end) = plan.log_args(last, now);
        let Records { forgotten, stale, .. } = &plan.records;
        let expired = std::iter::once(Arg::from(now.secs())).chain(stale.iter().map(|key| key.as_str().into()));
        for (statement, items, args) in [
            ("file", 8, plan.row_args()),
            ("unfile", 1, plan.gone.iter().map(|name| name.as_str().into()).collect()),
            ("count", 3, plan.count_args()),
            ("append", 3, log),
            ("put", 3, plan.records.put_args()),
            ("forget", 1, forgotten.iter().map(|key| key.as_str().into()).collect()),
        ] {
            if !args.is_empty() {
                transaction.execute(&self.statements.repeated(statement, args.len() / items), &args).await?;
            }
        }
        if !stale.is_empty() {
            let args: Vec<Arg<'_>> = expired.collect();
            transaction.execute(&self.statements.repeated("forget_expired", stale.len()), &args).await?;
        }
        if end > last {
            transaction.execute(&self.statements.get("advance_log"), &[end.into()]).await?;
        }
        Ok(())
    }
}

/// Rows of `filed`.
pub(super) fn read(rows: &[Row]) -> Result<StoredRows> {
    let read = |row: &Row| {
        let status = match row.text(2)?.as_str() {
            "online" => Status::Online,
            "away" => Status::Away,
            _ => Status::Offline,
        };
        let version = u64::try_from(row.int(1)?).unwrap_or(0);
        Ok((row.text(0)?, StoredRow { version, status, due: row.int(3)? }))
    };
    rows.iter().map(read).collect()
}

fn version(filed: Option<&StoredRow>) -> u64 {
    filed.map_or(0, |filed| filed.version)
}

/// What became of all commits: of those of `conflicts`, which are told by their places, nothing.
fn settled(commits: &[Commit], conflicts: Vec<(usize, StoredUser)>) -> Vec<Committed> {
    let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
    for (place, known) in conflicts {
        // Of a light commit the record may be the one that it put.
        let record = if commits[place].is_record_only() { RecordLookup::Unknown } else { known.record };
        committed[place] = Committed::Conflict(Box::new(StoredUser { record, ..known }));
    }
    committed
}
