//! Queues in a database, shared by all replicas.
//!
//! A job is a row of `queue_jobs`; a lane that holds jobs is a row of `queue_lanes`, which says when its head is handed out
//! next. Rows of `queue_jobs` are in order by `seq`; `dead` tells the dead letters apart. Times are milliseconds of the
//! server's clock, or of this host's on SQLite.
//!
//! **Who changes what a lane holds has its row in hand until the commit**: who pushes, claims, settles and takes back. So
//! each lane has one history, and its order is that of the commits. Claims pass over rows that somebody else has in hand:
//! a replica that is stuck in the middle holds up nobody else.

mod held;
mod settle;
mod tx;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

pub use self::held::RetractTx;
use self::settle::SettleTx;
use super::{Attempts, Job, JobInfo, JobState, ListCursor, NewJob, Queue, QueueStats, Settlement};
use crate::storage::sql::{Arg, Database, Engine, Row, Statements, TableNames, undisturbed};
use crate::storage::{Result, sql};

/// Most dead letters that come back in one transaction.
const REPLAY_BATCH: usize = 100;

/// So many dead letters are removed in one transaction, by the statement `purge`.
const PURGE_BATCH: u64 = 1_000;

/// Queues in a database.
#[derive(Clone, Debug)]
pub struct SqlQueue {
    database: Database,
    statements: Statements,
}

impl SqlQueue {
    /// Queues in the tables of `names`, which a migration makes.
    pub fn new(database: Database, names: &TableNames) -> Self {
        let (file, now) = match database.engine() {
            Engine::Sqlite => (include_str!("sqlite.sql"), "CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)"),
            Engine::MySql => {
                (include_str!("mysql.sql"), "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)")
            }
            Engine::Postgres => {
                (include_str!("postgres.sql"), "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000)::bigint")
            }
        };
        let places: Vec<(&str, &str)> = names.pairs().into_iter().chain([("now", now)]).collect();
        let statements = Statements::read(database.engine(), file, &places);
        Self { database, statements }
    }

    async fn try_to_push(&self, queue: &str, jobs: &[NewJob<'_>]) -> sql::Result<()> {
        let mut transaction = self.database.begin().await?;
        self.push_within(&mut transaction, queue, jobs).await?;
        transaction.commit().await
    }

    async fn try_to_claim(&self, queue: &str, limit: usize, lease: Duration) -> sql::Result<Vec<Job>> {
        let mut transaction = self.database.begin().await?;
        let args = [millis(lease).max(1).into(), queue.into(), limit.into()];
        let ready = transaction.rows(&self.statements.get("ready"), &args).await?;
        let Some(until) = ready.first().map(|row| row.int(1)).transpose()? else { return Ok(Vec::new()) };
        let lanes = ready.iter().map(|row| row.text(0)).collect::<sql::Result<Vec<_>>>()?;
        let args: Vec<Arg<'_>> = lanes.iter().map(|lane| lane.as_str().into()).collect();
        let leased: Vec<Arg<'_>> = [Arg::from(until)].into_iter().chain(args.iter().copied()).collect();
        transaction.execute(&self.statements.repeated("lease", args.len()), &leased).await?;
        let heads = transaction.rows(&self.statements.repeated("heads", args.len()), &args).await?;
        if heads.len() < lanes.len() {
            // Somebody deleted jobs by hand.
            transaction.execute(&self.statements.repeated("drop_empty", args.len()), &args).await?;
        }
        transaction.commit().await?;
        let heads = heads.iter().map(|row| Ok((row.text(0)?, job(row, until)?)));
        let mut heads = heads.collect::<sql::Result<HashMap<String, Job>>>()?;
        Ok(lanes.iter().filter_map(|lane| heads.remove(lane)).collect())
    }

    async fn try_to_settle(&self, queue: &str, settlements: &[Settlement]) -> sql::Result<Vec<bool>> {
        let mut transaction = self.database.begin().await?;
        let mut settling = SettleTx::begin(&self.statements, &mut transaction, queue, settlements).await?;
        let mut held = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            held.push(settling.settle(&mut transaction, queue, settlement).await?);
        }
        settling.end(&mut transaction).await?;
        transaction.commit().await?;
        Ok(held)
    }

    async fn try_to_replay(&self, queue: &str, ids: &[String]) -> sql::Result<usize> {
        let mut transaction = self.database.begin().await?;
        let wanted: Vec<Arg<'_>> =
            [Arg::from(queue)].into_iter().chain(ids.iter().map(|id| id.as_str().into())).collect();
        let dead = transaction.rows(&self.statements.repeated("exhume", ids.len()), &wanted).await?;
        let read = |row: &Row| Ok((row.text(0)?, row.text(1)?, row.bytes(2)?));
        let mut letters = dead.iter().map(read).collect::<sql::Result<Vec<_>>>()?;
        letters.sort_by_key(|(id, ..)| ids.iter().position(|wanted| wanted == id));
        let again = letters.iter().map(|(id, lane, payload)| NewJob { id, lane, payload, delay: Duration::ZERO });
        let jobs: Vec<NewJob<'_>> = again.collect();
        self.push_within(&mut transaction, queue, &jobs).await?;
        transaction.commit().await?;
        Ok(letters.len())
    }
}

#[async_trait]
impl Queue for SqlQueue {
    async fn push(&self, queue: &str, jobs: &[NewJob<'_>]) -> Result<()> {
        Ok(undisturbed(|| self.try_to_push(queue, jobs)).await?)
    }

    async fn claim(&self, queue: &str, limit: usize, lease: Duration) -> Result<Vec<Job>> {
        // Most looks find nothing, and are to cost no transaction.
        if limit == 0 || self.database.rows(&self.statements.get("is_ready"), &[queue.into()]).await?.is_empty() {
            return Ok(Vec::new());
        }
        Ok(undisturbed(|| self.try_to_claim(queue, limit, lease)).await?)
    }

    async fn settle(&self, queue: &str, settlements: &[Settlement]) -> Result<Vec<bool>> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        Ok(undisturbed(|| self.try_to_settle(queue, settlements)).await?)
    }

    async fn list(
        &self,
        queue: &str,
        standing: JobState,
        after: Option<&ListCursor>,
        limit: usize,
    ) -> Result<Vec<JobInfo>> {
        let (at, id) = after.map_or((i64::MIN, ""), |after| (after.at, &after.id));
        let args = [queue.into(), at.into(), at.into(), id.into(), limit.into()];
        let statement = match standing {
            JobState::Pending => "pending",
            JobState::Dead => "dead",
        };
        let rows = self.database.rows(&self.statements.get(statement), &args).await?;
        Ok(rows.iter().map(|row| listed(row, standing)).collect::<sql::Result<Vec<_>>>()?)
    }

    async fn replay(&self, queue: &str, ids: &[String]) -> Result<usize> {
        let mut replayed = 0;
        for ids in ids.chunks(REPLAY_BATCH) {
            replayed += undisturbed(|| self.try_to_replay(queue, ids)).await?;
        }
        Ok(replayed)
    }

    async fn purge(&self, queue: &str, age: Duration) -> Result<()> {
        let (statement, args) = (self.statements.get("purge"), [queue.into(), millis(age).into()]);
        while self.database.execute(&statement, &args).await? == PURGE_BATCH {}
        Ok(())
    }

    async fn depth(&self, queue: &str) -> Result<QueueStats> {
        let rows = self.database.rows(&self.statements.get("depth"), &[queue.into(); 3]).await?;
        let counted = |column: usize| match rows.first() {
            Some(row) => row.int_or_null(column).map(|number| u64::try_from(number.unwrap_or(0)).unwrap_or(0)),
            None => Ok(0),
        };
        Ok(QueueStats { pending: counted(0)?, dead: counted(1)?, oldest: Duration::from_millis(counted(2)?) })
    }
}

fn job(row: &Row, lease: i64) -> sql::Result<Job> {
    Ok(Job {
        id: row.text(1)?,
        lane: row.text(2)?,
        payload: row.bytes(3)?,
        tries: known(&row.text(4)?),
        age: Duration::from_millis(u64::try_from(row.int(5)?).unwrap_or(0)),
        lease: u64::try_from(lease).unwrap_or(0),
    })
}

fn listed(row: &Row, standing: JobState) -> sql::Result<JobInfo> {
    let id = row.text(0)?;
    Ok(JobInfo {
        lane: row.text(1)?,
        payload: row.bytes(2)?,
        tries: known(&row.text(3)?),
        pushed_at: row.int(5)?,
        next_at: if standing == JobState::Pending { row.int_or_null(6)? } else { None },
        place: ListCursor { at: row.int(4)?, id: id.clone() },
        id,
    })
}

/// What a lane is called in the tables: text of any length and in any letters has one.
fn lane_key(queue: &str, lane: &str) -> String {
    let hash = Sha256::new().chain_update(queue.len().to_le_bytes()).chain_update(queue).chain_update(lane);
    hex::encode(hash.finalize())
}

/// Attempts nobody can read count as none.
fn known(tries: &str) -> Attempts {
    serde_json::from_str(tries).unwrap_or_default()
}

fn written(tries: &Attempts) -> String {
    serde_json::to_string(tries).unwrap_or_else(|error| unreachable!("tries have string keys only: {error}"))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}
