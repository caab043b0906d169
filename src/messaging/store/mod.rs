//! Clients, messages and receipts in SQL. One method is one atomic step; the database decides races.
//!
//! **Order.** A poll goes on behind the greatest id it has seen, so an id must never become visible after a greater one.
//! Ids are given out when rows are inserted, but rows become visible when their transaction commits, and those may overtake
//! each other. So whoever inserts holds the recipient's row of `clients` from before the insert until after the commit: of
//! one recipient the transactions then come one after the other. (On SQLite there is one writer anyway.)
//!
//! **Once.** A step that stores messages names itself, and its name is stored in the same commit (`done_steps`). Who does
//! not know whether a step happened does it again: it then finds its name and changes nothing.
//!
//! Times are those of Laravel's columns: text without a zone, see [`crate::php::date::database`].

mod purge;
mod records;
mod tables;

pub use self::purge::Purge;
pub use self::records::{ClientRecord, MessageRecord, NewMessage, PollState, Recipient, Secrets};
pub use self::tables::TABLES;
use super::domain::{ClientId, Fingerprint};
use crate::storage::sql::{Arg, Database, Engine, Error, Result, Statement, Statements, TableNames, retry_on_conflict};

/// So many clients are asked for at once.
pub const STANDINGS: usize = 64;

/// Where clients and messages are kept.
#[derive(Clone, Debug)]
pub struct MessageStore {
    database: Database,
    statements: Statements,
    /// For 1, 2, 4, … clients.
    standings: Vec<Statement>,
    client: Statement,
    messages_of: Statement,
}

/// A step that stores messages.
pub struct IdempotentWrite<'a> {
    /// Its name, unique among all steps: at most 64 characters.
    pub name: &'a str,
    /// Whom it writes to, each as often as it stands here.
    pub recipients: &'a [ClientId],
    /// When it happens.
    pub at: &'a str,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// It happened.
    Stored {
        /// So many messages.
        messages: usize,
        /// For so many recipients there are nothing could be sealed.
        unsealed: usize,
    },
    /// The step had happened before.
    AlreadyDone,
    /// There are recipients, but nothing could be sealed for any of them: nothing happened, so that the step can be done
    /// again.
    NoKey,
}

/// A client's new secrets, and what they take the place of.
pub struct CredentialUpdate<'a> {
    /// The client.
    pub id: &'a ClientId,
    /// The hash that was read, which must still be there.
    pub replaces: &'a str,
    /// The new ones.
    pub secrets: &'a Secrets,
    /// A new name, or the old one.
    pub name: Option<&'a str>,
    /// When.
    pub at: &'a str,
}

impl MessageStore {
    /// The store in the tables of `names`.
    pub fn new(database: Database, names: &TableNames) -> Self {
        let file = match database.engine() {
            Engine::Sqlite => include_str!("sqlite.sql"),
            Engine::MySql => include_str!("mysql.sql"),
            Engine::Postgres => include_str!("postgres.sql"),
        };
        let statements = Statements::read(database.engine(), file, &names.pairs());
        let standings = (0..=STANDINGS.ilog2()).map(|power| statements.repeated("standings", 1 << power)).collect();
        let (client, messages_of) = (statements.get("client"), statements.get("messages_of"));
        Self { database, statements, standings, client, messages_of }
    }

    /// Whether the database answers.
    pub async fn ready(&self) -> Result<()> {
        self.database.rows(&self.statements.get("ready"), &[]).await.map(drop)
    }

    /// Where these clients stand, in one query; `None` for those there are not. At most [`STANDINGS`] at once.
    pub async fn standings(&self, ids: &[ClientId]) -> Result<Vec<Option<PollState>>> {
        let Some(last) = ids.last() else { return Ok(Vec::new()) };
        // The last one again, so that there are few statements to prepare.
        let places = ids.len().next_power_of_two();
        let args: Vec<Arg<'_>> =
            ids.iter().chain(std::iter::repeat(last)).take(places).map(|id| id.as_str().into()).collect();
        let rows = self.database.rows(&self.standings[places.ilog2() as usize], &args).await?;
        let found = rows.iter().map(PollState::read).collect::<Result<Vec<_>>>()?;
        Ok(ids.iter().map(|id| found_for(id, &found, |standing| &standing.id).cloned()).collect())
    }

    /// The client of that id.
    pub async fn client(&self, id: &ClientId) -> Result<Option<ClientRecord>> {
        let rows = self.database.rows(&self.client, &[id.as_str().into()]).await?;
        rows.first().map(ClientRecord::read).transpose()
    }

    /// The client whose fingerprint the database takes for this one, which is for the caller to compare.
    pub async fn client_by_fingerprint(&self, fingerprint: &Fingerprint) -> Result<Option<ClientRecord>> {
        let statement = self.statements.get("client_by_fingerprint");
        let rows = self.database.rows(&statement, &[fingerprint.as_str().into()]).await?;
        rows.first().map(ClientRecord::read).transpose()
    }

    /// All clients, the oldest first.
    pub async fn clients(&self) -> Result<Vec<ClientRecord>> {
        let rows = self.database.rows(&self.statements.get("clients"), &[]).await?;
        rows.iter().map(ClientRecord::read).collect()
    }

    /// Up to `limit` clients that follow the one made at `created_at` with that id, the oldest first.
    pub async fn clients_page(&self, (created_at, id): (&str, &str), limit: i64) -> Result<Vec<ClientRecord>> {
        let args = [created_at.into(), id.into(), limit.into()];
        let rows = self.database.rows(&self.statements.get("clients_page"), &args).await?;
        rows.iter().map(ClientRecord::read).collect()
    }

    /// Adds a client. `false` if its fingerprint is taken.
    pub async fn insert_client(&self, client: &ClientRecord, at: &str) -> Result<bool> {
        let Secrets { token_hash, token_encrypted, key_encrypted } = &client.secrets;
        let args = [
            client.id.as_str().into(),
            client.name.as_deref().into(),
            client.fingerprint.as_deref().into(),
            token_hash.as_str().into(),
            token_encrypted.as_deref().into(),
            key_encrypted.as_str().into(),
            at.into(),
            at.into(),
        ];
        match self.database.execute(&self.statements.get("insert_client"), &args).await {
            Ok(_) => Ok(true),
            Err(Error::UniqueViolation) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a client another name.
    pub async fn rename_client(&self, id: &ClientId, name: &str, at: &str) -> Result<()> {
        let args = [name.into(), at.into(), id.as_str().into()];
        self.database.execute(&self.statements.get("rename_client"), &args).await.map(drop)
    }

    /// Gives a client other secrets. `false` if somebody else has, meanwhile.
    pub async fn reissue(&self, reissue: &CredentialUpdate<'_>) -> Result<bool> {
        let Secrets { token_hash, token_encrypted, key_encrypted } = reissue.secrets;
        let args = [
            token_hash.as_str().into(),
            token_encrypted.as_deref().into(),
            key_encrypted.as_str().into(),
            reissue.name.into(),
            reissue.at.into(),
            reissue.id.as_str().into(),
            reissue.replaces.into(),
        ];
        Ok(self.database.execute(&self.statements.get("reissue"), &args).await? > 0)
    }

    /// Takes a client's credentials and its fingerprint away; `hash` is of a token that nobody has. `false` if there is no
    /// such client.
    pub async fn revoke(&self, id: &ClientId, hash: &str, at: &str) -> Result<bool> {
        let args = [hash.into(), at.into(), id.as_str().into()];
        Ok(self.database.execute(&self.statements.get("revoke"), &args).await? > 0)
    }

    /// Records that these clients were seen at `at`, unless they were later. On Postgres not those that are written to at
    /// that moment.
    pub async fn touch(&self, clients: &[ClientId], at: &str) -> Result<()> {
        let statement = self.statements.repeated("touch", clients.len());
        let mut args: Vec<Arg<'_>> = vec![at.into()];
        args.extend(clients.iter().map(|id| Arg::from(id.as_str())));
        args.push(at.into());
        self.database.execute(&statement, &args).await.map(drop)
    }

    /// Records that a client has seen everything up to an id, unless it had acknowledged more.
    pub async fn acknowledge(&self, id: &ClientId, up_to: i64, at: &str) -> Result<()> {
        let args = [id.as_str().into(), up_to.into(), at.into(), at.into()];
        self.database.execute(&self.statements.get("acknowledge"), &args).await.map(drop)
    }

    /// Stores what `seal` makes for each recipient there is, in the order of the recipients, all together and once.
    /// Those there are not are passed over, and so are those that `seal` makes nothing for, unless they are all there are.
    pub async fn deliver<S>(&self, step: &IdempotentWrite<'_>, seal: S) -> Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        retry_on_conflict(|| self.try_to_deliver(step, &seal)).await
    }

    async fn try_to_deliver<S>(&self, step: &IdempotentWrite<'_>, seal: &S) -> Result<WriteResult>
    where
        S: Fn(&Recipient) -> Option<NewMessage> + Sync,
    {
        let mut transaction = self.database.begin().await?;
        let begun =
            transaction.execute(&self.statements.get("begin_step"), &[step.name.into(), step.at.into()]).await?;
        if begun == 0 {
            return Ok(WriteResult::AlreadyDone);
        }
        let wanted: Vec<Arg<'_>> = step.recipients.iter().map(|id| Arg::from(id.as_str())).collect();
        let rows = transaction.rows(&self.statements.repeated("recipients", wanted.len()), &wanted).await?;
        let recipients = rows.iter().map(Recipient::read).collect::<Result<Vec<_>>>()?;
        let of = |id: &ClientId| found_for(id, &recipients, |recipient| &recipient.id).map(seal);
        let found: Vec<Option<NewMessage>> = step.recipients.iter().filter_map(of).collect();
        let asked = found.len();
        let letters: Vec<NewMessage> = found.into_iter().flatten().collect();
        if letters.is_empty() && asked > 0 {
            return Ok(WriteResult::NoKey);
        }
        if !letters.is_empty() {
            let statement = self.statements.repeated("insert_messages", letters.len());
            let args: Vec<Arg<'_>> = letters.iter().flat_map(|letter| letter.args(step.at)).collect();
            transaction.execute(&statement, &args).await?;
        }
        transaction.commit().await?;
        Ok(WriteResult::Stored { messages: letters.len(), unsealed: asked - letters.len() })
    }

    /// Up to `limit` messages to a client behind an id, by rising id.
    pub async fn messages_of(&self, id: &ClientId, after: i64, limit: i64) -> Result<Vec<MessageRecord>> {
        let args = [id.as_str().into(), after.into(), limit.into()];
        let rows = self.database.rows(&self.messages_of, &args).await?;
        rows.iter().map(MessageRecord::read).collect()
    }
}

/// What the database found for `id`: it knows whether the case of letters matters.
fn found_for<'a, T>(id: &ClientId, found: &'a [T], of: fn(&T) -> &ClientId) -> Option<&'a T> {
    found.iter().find(|found| of(found).as_str().eq_ignore_ascii_case(id.as_str()))
}
