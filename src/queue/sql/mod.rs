//! Queues in a database, shared by all replicas.
//!
//! A job is a row of `queue_jobs`. A lane with pending jobs is a row of `queue_lanes` with the time when its head is handed
//! out next. The jobs of a lane are ordered by `seq`; `dead` marks dead letters. Times are in milliseconds of the server's
//! clock, on SQLite of the host's.
//!
//! **Every transaction that changes the jobs of a lane holds a lock on the lane's row until the commit**: one that pushes,
//! claims, settles or retracts. So each lane has one history, in the order of the commits. Claims skip locked rows: a
//! replica that stops in the middle of a transaction blocks no other lanes.

mod held;
mod rows;
mod settle;
mod tables;
mod tx;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;

pub use self::held::RetractTx;
use self::rows::{lane_key, millis, read_job, read_job_info};
use self::settle::SettleTx;
pub use self::tables::TABLES;
use super::{Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, RunLimit, Settlement};
use crate::storage::sql::{Arg, Database, Engine, Row, Statements, TableNames, Transaction, padded, retry_on_conflict};
use crate::storage::{Result, sql};

/// The largest number of dead letters that one transaction replays.
const REPLAY_BATCH: usize = 100;

/// The number of dead letters that one execution of the statement `purge` removes at most.
const PURGE_BATCH: u64 = 1_000;

/// Queues in a database.
#[derive(Clone, Debug)]
pub struct SqlQueue {
    database: Database,
    statements: Statements,
}

/// Returns all statements of the queues.
pub fn statements(engine: Engine, names: &TableNames) -> Statements {
    let (file, now) = match engine {
        Engine::Sqlite => (include_str!("sqlite.sql"), "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)"),
        Engine::MySql => {
            (include_str!("mysql.sql"), "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)")
        }
        Engine::Postgres => {
            (include_str!("postgres.sql"), "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000)::bigint")
        }
    };
    let placeholders: Vec<(&str, &str)> = names.pairs().into_iter().chain([("now", now)]).collect();
    Statements::read(engine, file, &placeholders)
}

impl SqlQueue {
    /// Creates queues in the tables of `names`, which a migration creates.
    pub fn new(database: Database, names: &TableNames) -> Self {
        let statements = statements(database.engine(), names);
        Self { database, statements }
    }

    async fn try_push(&self, queue: &str, jobs: &[NewJob<'_>]) -> sql::Result<()> {
        let mut transaction = self.database.begin().await?;
        self.push_in_tx(&mut transaction, queue, jobs).await?;
        transaction.commit().await
    }

    async fn try_claim(&self, queue: &str, limit: usize, run: RunLimit, lease: Duration) -> sql::Result<Vec<Job>> {
        let mut transaction = self.database.begin().await?;
        let args = [millis(lease).max(1).into(), queue.into(), limit.into()];
        let ready = transaction.rows(&self.statements.get("ready"), &args).await?;
        let Some(until) = ready.first().map(|row| row.int(1)).transpose()? else { return Ok(Vec::new()) };
        let lanes = ready.iter().map(|row| row.text(0)).collect::<sql::Result<Vec<_>>>()?;
        let args: Vec<Arg<'_>> = lanes.iter().map(|lane| lane.as_str().into()).collect();
        let leased: Vec<Arg<'_>> = [Arg::from(until)].into_iter().chain(args.iter().copied()).collect();
        transaction.execute(&self.statements.repeated("lease", args.len()), &leased).await?;
        let rows = match run.jobs {
            ..=1 => transaction.rows(&self.statements.repeated("heads", args.len()), &args).await?,
            _ => self.runs_in_tx(&mut transaction, &args, run).await?,
        };
        let mut claimed: HashMap<String, Vec<Job>> = HashMap::new();
        for row in &rows {
            claimed.entry(row.text(0)?).or_default().push(read_job(row, until)?);
        }
        if claimed.len() < lanes.len() {
            // Jobs were deleted by hand.
            transaction.execute(&self.statements.repeated("delete_empty_lanes", args.len()), &args).await?;
        }
        transaction.commit().await?;
        Ok(lanes.iter().filter_map(|lane| claimed.remove(lane)).flatten().collect())
    }

    /// The rows of the first jobs of each lane, by their numbers.
    async fn runs_in_tx(
        &self,
        transaction: &mut Transaction,
        lanes: &[Arg<'_>],
        run: RunLimit,
    ) -> sql::Result<Vec<Row>> {
        let args: Vec<Arg<'_>> = lanes.iter().flat_map(|lane| [*lane, run.jobs.into()]).collect();
        let rows = transaction.rows(&self.statements.repeated("runs", lanes.len()), &args).await?;
        let read = |row: &Row| Ok((row.text(0)?, row.int(1)?, row.int(2)?, row.int(3)? != 0));
        let mut sizes = rows.iter().map(read).collect::<sql::Result<Vec<_>>>()?;
        sizes.sort_unstable();
        let mut seqs = Vec::with_capacity(sizes.len());
        for lane in sizes.chunk_by(|left, right| left.0 == right.0) {
            let mut bytes = 0;
            let fits = |(position, (_, _, size, is_due)): &(usize, &(String, i64, i64, bool))| {
                bytes += usize::try_from(*size).unwrap_or(usize::MAX);
                *position == 0 || (*is_due && bytes <= run.bytes)
            };
            seqs.extend(lane.iter().enumerate().take_while(fits).map(|(_, (_, seq, ..))| Arg::from(*seq)));
        }
        let Some(last) = seqs.last().copied() else { return Ok(Vec::new()) };
        let seqs: Vec<Arg<'_>> = padded(seqs.into_iter(), last).collect();
        transaction.rows(&self.statements.repeated("jobs_of_runs", seqs.len()), &seqs).await
    }

    async fn try_settle(&self, queue: &str, settlements: &[Settlement]) -> sql::Result<Vec<bool>> {
        let mut transaction = self.database.begin().await?;
        let mut settle = SettleTx::begin(&self.statements, &mut transaction, queue, settlements).await?;
        let mut held = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            held.push(settle.settle(&mut transaction, queue, settlement).await?);
        }
        settle.finish(&mut transaction).await?;
        transaction.commit().await?;
        Ok(held)
    }

    async fn try_replay(&self, queue: &str, ids: &[String]) -> sql::Result<usize> {
        let mut transaction = self.database.begin().await?;
        let wanted: Vec<Arg<'_>> =
            [Arg::from(queue)].into_iter().chain(ids.iter().map(|id| id.as_str().into())).collect();
        let dead = transaction.rows(&self.statements.repeated("select_dead", ids.len()), &wanted).await?;
        let read = |row: &Row| Ok((row.text(0)?, row.text(1)?, row.bytes(2)?));
        let mut letters = dead.iter().map(read).collect::<sql::Result<Vec<_>>>()?;
        letters.sort_by_key(|(id, ..)| ids.iter().position(|wanted| wanted == id));
        let jobs = letters.iter().map(|(id, lane, payload)| NewJob { id, lane, payload, delay: Duration::ZERO });
        let jobs: Vec<NewJob<'_>> = jobs.collect();
        self.push_in_tx(&mut transaction, queue, &jobs).await?;
        transaction.commit().await?;
        Ok(letters.len())
    }

    async fn try_erase(&self, lane: &str) -> sql::Result<usize> {
        let mut transaction = self.database.begin().await?;
        transaction.rows(&self.statements.repeated("lock_lanes", 1), &[lane.into()]).await?;
        let erased = transaction.execute(&self.statements.get("erase_jobs"), &[lane.into()]).await?;
        transaction.execute(&self.statements.repeated("delete_empty_lanes", 1), &[lane.into()]).await?;
        transaction.commit().await?;
        Ok(usize::try_from(erased).unwrap_or(usize::MAX))
    }
}

#[async_trait]
impl Queue for SqlQueue {
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        Ok(retry_on_conflict(|| self.try_push(queue, jobs)).await?)
    }

    async fn claim_runs(&self, queue: &str, lanes: usize, run: RunLimit, lease: Duration) -> Result<Vec<Job>> {
        // Most polls find no ready lane; they begin no transaction.
        if lanes == 0 || self.database.rows(&self.statements.get("is_ready"), &[queue.into()]).await?.is_empty() {
            return Ok(Vec::new());
        }
        Ok(retry_on_conflict(|| self.try_claim(queue, lanes, run, lease)).await?)
    }

    async fn are_idle(&self, queue: &str, lanes: &[&str]) -> Result<Vec<bool>> {
        let keys: Vec<String> = lanes.iter().map(|lane| lane_key(queue, lane)).collect();
        let args: Vec<Arg<'_>> = keys.iter().map(|key| key.as_str().into()).collect();
        let rows = self.database.rows(&self.statements.repeated("known_lanes", args.len()), &args).await?;
        let known = rows.iter().map(|row| row.text(0)).collect::<sql::Result<HashSet<_>>>()?;
        Ok(keys.iter().map(|key| !known.contains(key)).collect())
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        Ok(retry_on_conflict(|| self.try_settle(queue, settlements)).await?)
    }

    async fn list(
        &self,
        queue: &str,
        state: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let (at, id) = after.map_or((i64::MIN, ""), |after| (after.at, &after.id));
        let args = [queue.into(), at.into(), at.into(), id.into(), limit.into()];
        let statement = match state {
            JobState::Pending => "pending",
            JobState::Dead => "dead",
        };
        let rows = self.database.rows(&self.statements.get(statement), &args).await?;
        Ok(rows.iter().map(|row| read_job_info(row, state)).collect::<sql::Result<Vec<_>>>()?)
    }

    async fn lane(&self, queue: &str, lane: &str, limit: usize) -> Result<Vec<JobInfo>> {
        let key = lane_key(queue, lane);
        let args = [key.as_str().into(), limit.into()];
        let rows = self.database.rows(&self.statements.get("lane"), &args).await?;
        let mut jobs = rows.iter().map(|row| read_job_info(row, JobState::Pending)).collect::<sql::Result<Vec<_>>>()?;
        // Only the head has a time.
        jobs.iter_mut().skip(1).for_each(|job| job.next_at = None);
        Ok(jobs)
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        let mut replayed = 0;
        for ids in ids.chunks(REPLAY_BATCH) {
            replayed += retry_on_conflict(|| self.try_replay(queue, ids)).await?;
        }
        Ok(replayed)
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        let (statement, args) = (self.statements.get("purge"), [queue.into(), millis(age).into()]);
        while self.database.execute(&statement, &args).await? == PURGE_BATCH {}
        Ok(())
    }

    async fn erase_lane(&self, queue: &str, lane: &str) -> Result<usize> {
        let key = lane_key(queue, lane);
        Ok(retry_on_conflict(|| self.try_erase(&key)).await?)
    }

    async fn stats(&self, queue: &str) -> Result<QueueStats> {
        let rows = self.database.rows(&self.statements.get("depth"), &[queue.into(); 3]).await?;
        let number = |column: usize| match rows.first() {
            Some(row) => row.int_or_null(column).map(|value| u64::try_from(value.unwrap_or(0)).unwrap_or(0)),
            None => Ok(0),
        };
        Ok(QueueStats { pending: number(0)?, dead: number(1)?, oldest: Duration::from_millis(number(2)?) })
    }
}
