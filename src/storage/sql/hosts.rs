//! A database with several hosts, of which one takes writes: the primary of a replicated Postgres, or a node of Galera.
//!
//! The hosts are asked at an interval, and at once when a statement fails. The first one, in the order of the configuration,
//! that takes writes is used, so that all sidecars use the same one. Connections to another host are not used again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::{Connection as _, Database as Driver, MySql, Pool, Postgres, Row as _};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::policy::ConnectionPolicy;

/// How often the hosts are asked.
const INTERVAL: Duration = Duration::from_secs(5);
/// The pause while no host takes writes.
const RETRY: Duration = Duration::from_millis(250);
/// The shortest time between two searches.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// A host, and how to connect to it.
pub(super) struct Host<DB: Driver> {
    pub(super) name: String,
    pub(super) options: <DB::Connection as sqlx::Connection>::Options,
}

/// The search for the host that takes writes; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct HostSearch {
    task: JoinHandle<()>,
}

impl Drop for HostSearch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HostSearch {
    /// Begins to search if there are several hosts. The pool begins with the first one.
    pub(super) fn start<DB: WriterCheck>(
        pool: &Pool<DB>,
        hosts: Vec<Host<DB>>,
        policy: &ConnectionPolicy,
    ) -> Option<Arc<Self>> {
        let runtime = Handle::try_current().ok().filter(|_| hosts.len() > 1)?;
        let task = runtime.spawn(search(pool.clone(), hosts, policy.clone()));
        Some(Arc::new(Self { task }))
    }
}

/// An engine whose servers can tell whether they take writes.
pub(super) trait WriterCheck: Driver {
    /// Whether the server takes writes.
    fn takes_writes(connection: &mut Self::Connection) -> impl Future<Output = sqlx::Result<bool>> + Send;
}

impl WriterCheck for Postgres {
    async fn takes_writes(connection: &mut Self::Connection) -> sqlx::Result<bool> {
        const CHECK: &str = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
        sqlx::query(CHECK).fetch_one(connection).await?.try_get(0)
    }
}

impl WriterCheck for MySql {
    async fn takes_writes(connection: &mut Self::Connection) -> sqlx::Result<bool> {
        let read_only = sqlx::query("SELECT CAST(@@global.read_only AS SIGNED)").fetch_one(&mut *connection).await?;
        // A node of Galera that has lost the others takes nothing at all.
        let galera = sqlx::query("SHOW GLOBAL STATUS LIKE 'wsrep_ready'").fetch_optional(connection).await?;
        let is_ready = galera.map(|row| row.try_get_unchecked::<String, _>(1)).transpose()?;
        Ok(read_only.try_get::<i64, _>(0)? == 0 && is_ready.is_none_or(|ready| ready != "OFF"))
    }
}

async fn search<DB: WriterCheck>(pool: Pool<DB>, hosts: Vec<Host<DB>>, policy: ConnectionPolicy) {
    let mut current = 0;
    loop {
        let found = first_writer(&hosts, policy.ping()).await;
        if let Some(writer) = found.filter(|writer| *writer != current) {
            let Host { name, options } = &hosts[writer];
            tracing::info!(database = policy.address(), host = name, "the database takes writes at another host");
            pool.set_connect_options(options.clone());
            policy.outdate_sessions();
            current = writer;
        }
        tokio::time::sleep(MIN_PAUSE).await;
        let pause = if found.is_some() { INTERVAL } else { RETRY };
        _ = tokio::time::timeout(pause, policy.doubted()).await;
    }
}

/// The first host that takes writes.
async fn first_writer<DB: WriterCheck>(hosts: &[Host<DB>], limit: Duration) -> Option<usize> {
    let checks = hosts.iter().map(|host| tokio::time::timeout(limit, check(host)));
    join_all(checks).await.into_iter().position(|checked| matches!(checked, Ok(Ok(true))))
}

/// Whether a host takes writes.
async fn check<DB: WriterCheck>(host: &Host<DB>) -> sqlx::Result<bool> {
    let mut connection = DB::Connection::connect_with(&host.options).await?;
    let takes_writes = DB::takes_writes(&mut connection).await?;
    connection.close().await?;
    Ok(takes_writes)
}
