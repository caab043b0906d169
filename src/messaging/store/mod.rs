//! Clients, messages and receipts in SQL. One method is one atomic step; the database decides races.
//!
//! **Order.** A poll continues after the greatest id it has seen, so an id must never become visible after a greater one.
//! Ids are assigned on insert, but rows become visible on commit, and transactions can commit in another order. A
//! transaction that inserts messages therefore locks the recipients' rows of `clients` before the insert and until the
//! commit: transactions for the same recipient run one after the other. (SQLite has one writer anyway.)
//!
//! **Idempotency.** A write of messages has a key, which is stored in the same commit (table `done_steps`). A caller that
//! does not know whether a write happened repeats it: the key is found, and nothing changes.
//!
//! Times are those of Laravel's columns: text without a time zone, see [`crate::php::date::database`].

mod clients;
mod groups;
mod messages;
mod pages;
mod purge;
mod records;
mod statements;
mod tables;

use std::sync::Arc;

pub use self::clients::CredentialUpdate;
pub use self::groups::{GroupedWrite, Seal};
pub use self::messages::{IdempotentWrite, WriteResult};
pub use self::pages::{MAX_PAGES, MessagePage, PageRequest};
pub use self::purge::Purge;
pub use self::records::{ClientRecord, ClientSummary, MessageRecord, NewMessage, PollState, Recipient, Secrets};
pub use self::statements::MAX_GROUP_RECIPIENTS;
use self::statements::{GroupStatements, MAX_ROWS, of_sizes};
pub use self::tables::TABLES;
use super::domain::ClientId;
use crate::storage;
use crate::storage::sql::{
    Database, Engine, Result, SharedProbe, Statement, Statements, TableNames, retry_on_conflict,
};

/// Maximum number of clients in one query for poll states.
pub const MAX_POLL_STATES: usize = 64;

/// Maximum number of clients in one query for clients.
pub const MAX_CLIENTS: usize = 64;

/// The store of clients and messages.
#[derive(Clone, Debug)]
pub struct MessageStore {
    database: Database,
    statements: Statements,
    /// The query for poll states of 1, 2, 4, … clients.
    poll_states: Vec<Statement>,
    /// The query for 1, 2, 4, … pages.
    pages: Vec<Statement>,
    /// The statements of groups of writes, for 1, 2, 4, … items.
    groups: Arc<GroupStatements>,
    /// The query for 1, 2, 4, … clients.
    client: Vec<Statement>,
    /// The statement for 1, 2, 4, … acknowledgements.
    acknowledge: Vec<Statement>,
    probe: Arc<SharedProbe>,
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

impl MessageStore {
    /// Creates a store on the tables of `names`.
    pub fn new(database: Database, names: &TableNames) -> Self {
        let statements = statements(database.engine(), names);
        let poll_states = of_sizes(&statements, "poll_states", MAX_POLL_STATES);
        let pages = of_sizes(&statements, "pages", MAX_PAGES);
        let client = of_sizes(&statements, "client", MAX_CLIENTS);
        let acknowledge = of_sizes(&statements, "acknowledge", MAX_ROWS);
        let groups = Arc::new(GroupStatements::new(&statements));
        Self { database, statements, poll_states, pages, groups, client, acknowledge, probe: Arc::default() }
    }

    /// Checks that the database accepts writes: makes some without a visible effect.
    pub async fn ready(&self) -> storage::Result<()> {
        self.probe.run(&self.database, || retry_on_conflict(|| self.try_probe())).await
    }

    async fn try_probe(&self) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction.execute_all(&self.statements, "probe").await?;
        transaction.commit().await
    }

    /// Returns the name of the database, for operators.
    pub fn name(&self) -> &str {
        self.database.address()
    }

    /// Returns the first time not before `at` that the tables can store. It is another one in the hour that the summer time of
    /// the database server skips.
    pub async fn next_time(&self, at: &str) -> Result<Option<String>> {
        let rows = self.database.rows(&self.statements.get("next_time"), &[at.into()]).await?;
        rows.first().map_or(Ok(None), |row| row.text_or_null(0))
    }

    /// The engine of the database.
    pub fn engine(&self) -> Engine {
        self.database.engine()
    }

    /// Closes the connections to the database.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// Finds the row of `id` among rows of the database, which decides whether the case of letters matters.
fn find_by_id<'a, T>(id: &ClientId, rows: &'a [T], id_of: fn(&T) -> &ClientId) -> Option<&'a T> {
    rows.iter().find(|row| id_of(row).as_str().eq_ignore_ascii_case(id.as_str()))
}
