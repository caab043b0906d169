//! Rows of clients: credentials, poll states, last requests, acknowledgements.

use std::collections::{BTreeMap, HashMap};

use super::records::read_id;
use super::statements::{MAX_ROWS, of_size, padded_texts, powers};
use super::{ClientRecord, ClientSummary, MessageStore, PollState, Secrets, find_by_id};
use crate::messaging::domain::{ClientId, Fingerprint};
use crate::storage::sql::{Arg, Error, Result, Statement, retry_on_conflict};

/// New secrets of a client, and the ones they replace.
pub struct CredentialUpdate<'a> {
    /// The client.
    pub id: &'a ClientId,
    /// The token hash that was read; the update applies only while the row still has it.
    pub expected_hash: &'a str,
    /// The new secrets.
    pub secrets: &'a Secrets,
    /// A new name; `None` keeps the old one.
    pub name: Option<&'a str>,
    /// The time of the update.
    pub at: &'a str,
}

impl MessageStore {
    /// Returns the poll states of these clients in one query, `None` for unknown clients. At most
    /// [`MAX_POLL_STATES`](super::MAX_POLL_STATES) ids.
    pub async fn poll_states(&self, ids: &[ClientId]) -> Result<Vec<Option<PollState>>> {
        let Some(args) = padded_texts(ids) else { return Ok(Vec::new()) };
        let rows = self.database.rows(of_size(&self.poll_states, args.len()), &args).await?;
        let states = rows.iter().map(PollState::read).collect::<Result<Vec<_>>>()?;
        Ok(ids.iter().map(|id| find_by_id(id, &states, |state| &state.id).cloned()).collect())
    }

    /// Returns the clients with these ids, `None` for unknown ones, in one query. At most
    /// [`MAX_CLIENTS`](super::MAX_CLIENTS) ids.
    pub async fn clients_by_id(&self, ids: &[ClientId]) -> Result<Vec<Option<ClientRecord>>> {
        let Some(args) = padded_texts(ids) else { return Ok(Vec::new()) };
        let rows = self.database.rows(of_size(&self.client, args.len()), &args).await?;
        let clients = rows.iter().map(ClientRecord::read).collect::<Result<Vec<_>>>()?;
        Ok(ids.iter().map(|id| find_by_id(id, &clients, |client| &client.id).cloned()).collect())
    }

    /// Returns the client with this id.
    pub async fn client(&self, id: &ClientId) -> Result<Option<ClientRecord>> {
        Ok(self.clients_by_id(std::slice::from_ref(id)).await?.pop().flatten())
    }

    /// Returns the client whose fingerprint the database considers equal to this one. The caller must compare the bytes.
    pub async fn client_by_fingerprint(&self, fingerprint: &Fingerprint) -> Result<Option<ClientRecord>> {
        let statement = self.statements.get("client_by_fingerprint");
        let rows = self.database.rows(&statement, &[fingerprint.as_str().into()]).await?;
        rows.first().map(ClientRecord::read).transpose()
    }

    /// Returns the ids of all clients, oldest first.
    pub async fn client_ids(&self) -> Result<Vec<ClientId>> {
        self.database.collect(&self.statements.get("client_ids"), &[], |row| read_id(row, 0)).await
    }

    /// Returns the clients with these ids, in their order, without those that are unknown.
    pub async fn summaries_of(&self, ids: &[ClientId]) -> Result<Vec<ClientSummary>> {
        let Some(args) = padded_texts(ids) else { return Ok(Vec::new()) };
        let rows = self.database.rows(&self.statements.repeated("summaries", args.len()), &args).await?;
        let summaries = rows.iter().map(ClientSummary::read).collect::<Result<Vec<_>>>()?;
        let mut by_id: HashMap<ClientId, ClientSummary> =
            summaries.into_iter().map(|summary| (summary.id.clone(), summary)).collect();
        Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
    }

    /// Returns up to `limit` clients with ids after this one, or the first ones, by ascending id.
    pub async fn clients_page(&self, after: Option<&ClientId>, limit: i64) -> Result<Vec<ClientSummary>> {
        match after {
            Some(id) => self.summaries("clients_page", &[id.as_str().into(), limit.into()]).await,
            None => self.summaries("clients_page_first", &[limit.into()]).await,
        }
    }

    async fn summaries(&self, statement: &str, args: &[Arg<'_>]) -> Result<Vec<ClientSummary>> {
        let rows = self.database.rows(&self.statements.get(statement), args).await?;
        rows.iter().map(ClientSummary::read).collect()
    }

    /// Returns the encrypted keys of up to `limit` clients, any of them.
    pub async fn encrypted_keys(&self, limit: i64) -> Result<Vec<String>> {
        let rows = self.database.rows(&self.statements.get("encrypted_keys"), &[limit.into()]).await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// Inserts a client. Returns `false` if its fingerprint is taken.
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

    /// Sets the name of a client.
    pub async fn rename_client(&self, id: &ClientId, name: &str, at: &str) -> Result<()> {
        let args = [name.into(), at.into(), id.as_str().into()];
        self.database.execute(&self.statements.get("rename_client"), &args).await.map(drop)
    }

    /// Replaces the secrets of a client. Returns `false` if they were replaced by another process meanwhile.
    pub async fn update_credentials(&self, update: &CredentialUpdate<'_>) -> Result<bool> {
        let Secrets { token_hash, token_encrypted, key_encrypted } = update.secrets;
        let args = [
            token_hash.as_str().into(),
            token_encrypted.as_deref().into(),
            key_encrypted.as_str().into(),
            update.name.into(),
            update.at.into(),
            update.id.as_str().into(),
            update.expected_hash.into(),
        ];
        Ok(self.database.execute(&self.statements.get("update_credentials"), &args).await? > 0)
    }

    /// Removes the credentials and the fingerprint of a client; `hash` is the hash of a token that no client has. Returns
    /// `false` if there is no such client.
    pub async fn revoke(&self, id: &ClientId, hash: &str, at: &str) -> Result<bool> {
        let args = [hash.into(), at.into(), id.as_str().into()];
        Ok(self.database.execute(&self.statements.get("revoke"), &args).await? > 0)
    }

    /// Sets the time of the last request of these clients to `at`, unless a later one is stored. On Postgres, skips clients
    /// whose rows are locked.
    pub async fn touch(&self, clients: &[ClientId], at: &str) -> Result<()> {
        let statement = self.statements.repeated("touch", clients.len());
        let mut args: Vec<Arg<'_>> = vec![at.into()];
        args.extend(clients.iter().map(|id| Arg::from(id.as_str())));
        args.push(at.into());
        self.database.execute(&statement, &args).await.map(drop)
    }

    /// Stores, in one transaction, that clients have received all messages up to an id, unless a greater id is stored. Each
    /// client is named once.
    pub async fn acknowledge(&self, receipts: &BTreeMap<ClientId, i64>, at: &str) -> Result<()> {
        let receipts: Vec<(&ClientId, &i64)> = receipts.iter().collect();
        if receipts.len().is_power_of_two() && receipts.len() <= MAX_ROWS {
            let (statement, args) = self.acknowledgement(&receipts, at);
            return self.database.execute(statement, &args).await.map(drop);
        }
        retry_on_conflict(|| async {
            let mut transaction = self.database.begin().await?;
            for part in powers(&receipts) {
                let (statement, args) = self.acknowledgement(part, at);
                transaction.execute(statement, &args).await?;
            }
            transaction.commit().await
        })
        .await
    }

    fn acknowledgement<'a>(&self, receipts: &[(&'a ClientId, &i64)], at: &'a str) -> (&Statement, Vec<Arg<'a>>) {
        let args =
            receipts.iter().flat_map(|(client, id)| [client.as_str().into(), (**id).into(), at.into(), at.into()]);
        (of_size(&self.acknowledge, receipts.len()), args.collect())
    }
}
