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
mod messages;
mod purge;
mod records;
mod tables;

pub use self::clients::CredentialUpdate;
pub use self::messages::{IdempotentWrite, WriteResult};
pub use self::purge::Purge;
pub use self::records::{ClientRecord, MessageRecord, NewMessage, PollState, Recipient, Secrets};
pub use self::tables::TABLES;
use super::domain::ClientId;
use crate::storage::sql::{Database, Engine, Result, Statement, Statements, TableNames};

/// Maximum number of clients in one query for poll states.
pub const MAX_POLL_STATES: usize = 64;

/// The store of clients and messages.
#[derive(Clone, Debug)]
pub struct MessageStore {
    database: Database,
    statements: Statements,
    /// The query for poll states of 1, 2, 4, … clients.
    poll_states: Vec<Statement>,
    client: Statement,
    messages_of: Statement,
}

impl MessageStore {
    /// Creates a store on the tables of `names`.
    pub fn new(database: Database, names: &TableNames) -> Self {
        let file = match database.engine() {
            Engine::Sqlite => include_str!("sqlite.sql"),
            Engine::MySql => include_str!("mysql.sql"),
            Engine::Postgres => include_str!("postgres.sql"),
        };
        let statements = Statements::read(database.engine(), file, &names.pairs());
        let sizes = (0..=MAX_POLL_STATES.ilog2()).map(|power| 1 << power);
        let poll_states = sizes.map(|size| statements.repeated("poll_states", size)).collect();
        let (client, messages_of) = (statements.get("client"), statements.get("messages_of"));
        Self { database, statements, poll_states, client, messages_of }
    }

    /// Checks that the database answers.
    pub async fn ready(&self) -> Result<()> {
        self.database.rows(&self.statements.get("ready"), &[]).await.map(drop)
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
