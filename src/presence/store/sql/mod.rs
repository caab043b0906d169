//! The store in a database: SQLite, MySQL, MariaDB or Postgres, with Laravel's records in its `cache` table.
//!
//! **Serialized commits.** A commit is one transaction that first locks the only row of the log and holds the lock to its
//! end. So commits follow one another, on every engine and with any number of replicas: versions are compared and counts
//! are kept without a race, nothing deadlocks, and entries of the change log become visible in the order of their
//! numbers. In return a commit covers many users, in about as many statements as for one.
//!
//! **Record-only commits** do not wait for the lock. They put the Laravel record first and compare the version then: the
//! end of a presence removes the record in the transaction that raises the version, so one of the two sees the other.
//!
//! **Expired records** are ignored, but Laravel does not remove them; the commit that records that a user is offline does.
//!
//! States and records are loaded by one statement, which sees one state of the database: never a record that is older
//! than the state it belongs to.

mod cache_table;
mod commit;
mod log;
mod outbox;
mod plan;
mod reconcile;
mod rows;
mod tables;

use async_trait::async_trait;
use chrono_tz::Tz;
use tokio::sync::Semaphore;

use self::cache_table::{CacheTable, hash};
use self::outbox::OutboxWriter;
use self::rows::{LoadQuery, args, read_versions};
pub use self::tables::TABLES;
use super::{
    ChangeCursor, Changes, Commit, Committed, Counts, LogIdentity, PageLimit, PresenceStore, Reconciled, Result,
    StoreDown, StoredUser,
};
use crate::laravel::cache_key::Version;
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{HeldChange, Outbox, RecordLookup, Status, Timestamp};
use crate::queue::SqlQueue;
use crate::storage::sql;
use crate::storage::sql::{Database, Engine, Row, SharedProbe, Statements, TableNames, Transaction, retry_on_conflict};

/// Most reads of the change log at the same time: commits need connections, too.
const MAX_LOG_READS: usize = 2;
/// Most entries of the change log that are removed in one transaction: commits wait meanwhile. The statement `first_kept`
/// reads one more.
const MAX_TRIM: i64 = 1_000;

/// Which database, and how Laravel uses it.
pub struct Options {
    /// The database.
    pub database: Database,
    /// The names of its tables.
    pub names: TableNames,
    /// The cache prefix, as Laravel puts it before a logical key.
    pub prefix: String,
    /// The version of Laravel, which decides how it writes some values.
    pub version: Version,
    /// The application's time zone.
    pub zone: Tz,
    /// The queues that changes are pushed into.
    pub outbox: Outbox,
}

/// Presence in a database.
pub struct SqlStore {
    database: Database,
    statements: Statements,
    table: CacheTable,
    outbox: OutboxWriter,
    probe: SharedProbe,
    log_reads: Semaphore,
}

/// Returns all statements of the store.
pub fn statements(engine: Engine, names: &TableNames) -> Statements {
    let file = match engine {
        Engine::Sqlite => include_str!("sqlite.sql"),
        Engine::MySql => include_str!("mysql.sql"),
        Engine::Postgres => include_str!("postgres.sql"),
    };
    Statements::read(engine, file, &names.pairs())
}

impl SqlStore {
    /// A store that connects when it is first used. [`Database::migrate`] creates its tables.
    pub fn new(options: Options) -> Self {
        let Options { database, names, prefix, version, zone, outbox } = options;
        let engine = database.engine();
        let statements = statements(engine, &names);
        let outbox = OutboxWriter::new(outbox, SqlQueue::new(database.clone(), &names));
        let table = CacheTable::new(prefix, zone, (engine, version));
        let log_reads = Semaphore::new(MAX_LOG_READS);
        Self { database, statements, table, outbox, probe: SharedProbe::default(), log_reads }
    }

    /// Locks the log for the rest of the transaction. Returns the numbers of its last entry and of the last removed one.
    async fn lock_log(&self, transaction: &mut Transaction) -> sql::Result<(i64, i64)> {
        let lock = self.statements.get("lock_log");
        let mut rows = transaction.rows(&lock, &[]).await?;
        if rows.is_empty() {
            transaction.execute(&self.statements.get("init_log"), &[]).await?;
            rows = transaction.rows(&lock, &[]).await?;
        }
        match rows.first() {
            Some(row) => Ok((row.int(0)?, row.int(1)?)),
            None => Err(sql::Error::Rejected("the row of the log is missing".into())),
        }
    }

    /// Does what a commit does, without a visible effect.
    async fn try_probe(&self) -> sql::Result<()> {
        let mut transaction = self.database.begin().await?;
        self.lock_log(&mut transaction).await?;
        transaction.execute_all(&self.statements, "probe").await?;
        transaction.commit().await
    }

    async fn read_time(&self) -> sql::Result<Timestamp> {
        let rows = self.database.rows(&self.statements.get("time"), &[]).await?;
        let micros = rows.first().map(|row| row.int(0)).transpose()?;
        Ok(Timestamp::from_micros(micros.unwrap_or(0)))
    }

    async fn try_claim(&self, now: Timestamp, limit: usize, until: i64) -> sql::Result<Vec<UserKey>> {
        let mut transaction = self.database.begin().await?;
        self.lock_log(&mut transaction).await?;
        let rows = transaction.rows(&self.statements.get("due"), &[now.millis().into(), limit.into()]).await?;
        let names = rows.iter().map(|row| row.text(0)).collect::<sql::Result<Vec<_>>>()?;
        let keys = rows.iter().map(|row| row.text(1)).collect::<sql::Result<Vec<_>>>()?;
        if !names.is_empty() {
            let lease = std::iter::once(until.into()).chain(args(&names)).collect::<Vec<_>>();
            transaction.execute(&self.statements.repeated("lease", names.len()), &lease).await?;
        }
        transaction.commit().await?;
        Ok(keys.iter().filter_map(|key| UserKey::parse(key)).collect())
    }

    /// Removes some of the entries that were appended before `before`; returns whether there may be more.
    async fn try_trim(&self, before: i64) -> sql::Result<bool> {
        let mut transaction = self.database.begin().await?;
        let (last, trimmed) = self.lock_log(&mut transaction).await?;
        let rows = transaction.rows(&self.statements.get("first_kept"), &[before.into()]).await?;
        let kept = rows.first().map(|row| row.int_or_null(0)).transpose()?.flatten().unwrap_or(last + 1);
        let until = (kept - 1).min(trimmed + MAX_TRIM);
        if until > trimmed {
            for name in ["trim", "set_trimmed"] {
                transaction.execute(&self.statements.get(name), &[until.into()]).await?;
            }
        }
        transaction.execute(&self.statements.get("remove_empty_scopes"), &[]).await?;
        transaction.commit().await?;
        Ok(until < kept - 1)
    }
}

#[async_trait]
impl PresenceStore for SqlStore {
    /// A commit waits for the disk.
    fn least_sweep(&self) -> usize {
        256
    }

    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let query = LoadQuery::new(&self.table, keys.iter());
        let rows = self.database.rows(&self.statements.repeated("load", keys.len()), &query.args()).await?;
        Ok(query.stored_users(&rows, now)?)
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let query = LoadQuery::new(&self.table, keys.iter());
        let rows = self.database.rows(&self.statements.repeated("records", keys.len()), &query.record_args()).await?;
        Ok(query.records(&rows, now)?)
    }

    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        Ok(self.outbox.held(keys).await?)
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        match commits.iter().all(Commit::is_record_only) {
            true => Ok(retry_on_conflict(|| self.try_commit_records(commits, now)).await?),
            false => Ok(retry_on_conflict(|| self.try_commit(commits, now)).await?),
        }
    }

    async fn claim_due(&self, _shard: usize, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        // Mostly no user is due, and there is no reason to lock the log.
        let due = self.database.rows(&self.statements.get("due"), &[now.millis().into(), 1_usize.into()]).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let until = now.millis().saturating_add_unsigned(lease_ms);
        Ok(retry_on_conflict(|| self.try_claim(now, limit, until)).await?)
    }

    async fn roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        let hash = hash(scope.as_str());
        let mut args = vec![hash.as_str().into(), status.as_str().into()];
        args.extend(after.map(sql::Arg::from));
        args.push(limit.into());
        let name = if after.is_some() { "roster_after" } else { "roster" };
        let rows = self.database.rows(&self.statements.get(name), &args).await?;
        let key = |row: &Row| row.text(0).map(|member| UserKey::of_member(scope.as_str(), &member));
        Ok(rows.iter().map(key).collect::<sql::Result<_>>()?)
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        let query = LoadQuery::new(&self.table, keys.iter());
        let statement = self.statements.repeated("versions", keys.len());
        let rows = read_versions(&self.database.rows(&statement, &args(&query.names).collect::<Vec<_>>()).await?)?;
        Ok(query.names.iter().map(|name| rows.get(name).map_or(Status::Offline, |row| row.status)).collect())
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let hash = hash(scope.as_str());
        let mut counts = Counts::default();
        for row in self.database.rows(&self.statements.get("counts"), &[hash.as_str().into()]).await? {
            let members = u64::try_from(row.int(1)?).unwrap_or(0);
            counts.add(Status::parse(&row.text(0)?).unwrap_or(Status::Offline), members);
        }
        Ok(counts)
    }

    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = self.database.rows(&self.statements.get("scan"), &[from.into(), limit.into()]).await?;
        let keys = rows.iter().map(|row| row.text(1)).collect::<sql::Result<Vec<_>>>()?;
        let last = rows.last().filter(|_| rows.len() == limit).map(|row| row.int(0)).transpose()?;
        let next = last.and_then(|last| u64::try_from(last).ok());
        Ok((keys.iter().filter_map(|key| UserKey::parse(key)).collect(), next))
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        self.read_page(after, limit).await
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        self.read_end().await
    }

    async fn log_identity(&self, _shard: usize) -> Result<LogIdentity> {
        let now = self.read_time().await?;
        self.identify(now).await
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        let before = self.outbox.delivered_until(before, self.time().await?).await?;
        while retry_on_conflict(|| self.try_trim(before)).await? {}
        Ok(())
    }

    async fn reconcile(&self, _from: u64, _now: Timestamp) -> Result<Reconciled> {
        Ok(retry_on_conflict(|| self.reconcile_counts()).await?)
    }

    async fn ready(&self) -> std::result::Result<(), StoreDown> {
        let probed = self.probe.run(&self.database, || retry_on_conflict(|| self.try_probe())).await;
        probed.map_err(|error| StoreDown { store: "database", address: self.name(), reason: error.reason() })
    }

    fn name(&self) -> String {
        self.database.address().to_owned()
    }

    async fn time(&self) -> Result<Timestamp> {
        let now = self.read_time().await?;
        // A log without an identity is readable all the same; the tables may be created later.
        _ = self.identify(now).await;
        Ok(now)
    }
}
