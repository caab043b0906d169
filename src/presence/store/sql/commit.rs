//! Commits: in a transaction, or record-only.

use super::plan::{Plan, Records, StoredRow};
use super::rows::{LoadQuery, args, read_versions};
use super::{Commit, Committed, SqlStore, StoredUser, Timestamp};
use crate::presence::domain::RecordLookup;
use crate::storage::sql::{Arg, Result, Transaction};

impl SqlStore {
    /// Commits nothing but records: puts them, then compares the versions.
    pub(super) async fn try_commit_records(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let mut records = Records::default();
        commits.iter().for_each(|commit| records.add(&self.table, commit, now));
        let puts = records.put_args();
        if !puts.is_empty() {
            self.database.execute(&self.statements.repeated("put_records", puts.len() / 3), &puts).await?;
        }
        let query = self.load_query(commits);
        let statement = self.statements.repeated("versions", query.names.len());
        let stored = read_versions(&self.database.rows(&statement, &args(&query.names).collect::<Vec<_>>()).await?)?;
        let is_outdated =
            |position: &usize| version(stored.get(&query.names[*position])) != commits[*position].expected;
        let outdated: Vec<usize> = (0..commits.len()).filter(is_outdated).collect();
        if outdated.is_empty() {
            return Ok(results(commits, Vec::new()));
        }
        let query = LoadQuery::new(&self.table, outdated.iter().map(|position| &commits[*position].key));
        let rows = self.database.rows(&self.statements.repeated("load", outdated.len()), &query.args()).await?;
        Ok(results(commits, outdated.into_iter().zip(query.stored_users(&rows, now)?).collect()))
    }

    /// Commits all that are not refused, in one transaction.
    pub(super) async fn try_commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let mut transaction = self.database.begin().await?;
        let (last, _) = self.lock_log(&mut transaction).await?;
        let query = self.load_query(commits);
        let statement = self.statements.repeated("versions", query.names.len());
        let mut stored = read_versions(&transaction.rows(&statement, &args(&query.names).collect::<Vec<_>>()).await?)?;
        let mut retract = self.outbox.begin_retract(&mut transaction, commits).await?;
        let mut plan = Plan::default();
        let mut refused = Vec::new();
        for (position, (commit, name)) in commits.iter().zip(&query.names).enumerate() {
            let before = stored.get(name).copied();
            if version(before.as_ref()) != commit.expected || !self.outbox.retract(&mut retract, commit) {
                refused.push(position);
                continue;
            }
            plan.records.add(&self.table, commit, now);
            match plan.add(name, commit, before) {
                Some(after) => stored.insert(name.clone(), after),
                None => stored.remove(name),
            };
        }
        self.write(&mut transaction, &plan, (last, now)).await?;
        self.outbox.write(&mut transaction, retract, &plan.commits).await?;
        let mut conflicts = Vec::new();
        if !refused.is_empty() {
            let query = LoadQuery::new(&self.table, refused.iter().map(|position| &commits[*position].key));
            let rows = transaction.rows(&self.statements.repeated("load", refused.len()), &query.args()).await?;
            conflicts = refused.into_iter().zip(query.stored_users(&rows, now)?).collect();
        }
        transaction.commit().await?;
        Ok(results(commits, conflicts))
    }

    fn load_query(&self, commits: &[Commit]) -> LoadQuery {
        LoadQuery::new(&self.table, commits.iter().map(|commit| &commit.key))
    }

    async fn write(&self, transaction: &mut Transaction, plan: &Plan<'_>, (last, now): (i64, Timestamp)) -> Result<()> {
        let (log, end) = plan.log_args(last, now);
        let Records { forgotten, stale, .. } = &plan.records;
        let expired = std::iter::once(Arg::from(now.secs())).chain(stale.iter().map(|key| key.as_str().into()));
        for (statement, items, args) in [
            ("upsert", 8, plan.row_args()),
            ("delete", 1, plan.deleted.iter().map(|name| name.as_str().into()).collect()),
            ("count", 3, plan.count_args()),
            ("append", 4, log),
            ("put_records", 3, plan.records.put_args()),
            ("remove_records", 1, forgotten.iter().map(|key| key.as_str().into()).collect()),
        ] {
            if !args.is_empty() {
                transaction.execute(&self.statements.repeated(statement, args.len() / items), &args).await?;
            }
        }
        if !stale.is_empty() {
            let args: Vec<Arg<'_>> = expired.collect();
            transaction.execute(&self.statements.repeated("remove_expired_records", stale.len()), &args).await?;
        }
        if end > last {
            transaction.execute(&self.statements.get("advance_log"), &[end.into()]).await?;
        }
        Ok(())
    }
}

fn version(row: Option<&StoredRow>) -> u64 {
    row.map_or(0, |row| row.version)
}

/// The results of all commits; `conflicts` are those that were refused, by their positions.
fn results(commits: &[Commit], conflicts: Vec<(usize, StoredUser)>) -> Vec<Committed> {
    let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
    for (position, known) in conflicts {
        // The record of a record-only commit may be the one that it put.
        let record = if commits[position].is_record_only() { RecordLookup::Unknown } else { known.record };
        committed[position] = Committed::Conflict(Box::new(StoredUser { record, ..known }));
    }
    committed
}
