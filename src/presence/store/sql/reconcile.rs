//! Reconciliation: the numbers of members are corrected where they differ from the rows that they count.

use super::SqlStore;
use crate::presence::domain::Status;
use crate::presence::store::{Counts, Reconciled};
use crate::storage::sql;
use crate::storage::sql::Arg;

impl SqlStore {
    /// Corrects all numbers in one transaction, which is begun only if one of them is wrong.
    pub(super) async fn reconcile_counts(&self) -> sql::Result<Reconciled> {
        let wrong = self.statements.get("wrong_counts");
        if self.database.rows(&wrong, &[]).await?.is_empty() {
            return Ok(Reconciled { members: self.members().await?, ..Reconciled::default() });
        }
        let mut transaction = self.database.begin().await?;
        self.lock_log(&mut transaction).await?;
        // Read again: a commit may have been under way.
        let rows = transaction.rows(&wrong, &[]).await?;
        for row in &rows {
            let (scope, status) = (row.text(0)?, row.text(1)?);
            let args: [Arg<'_>; 3] = [scope.as_str().into(), status.as_str().into(), row.int(2)?.into()];
            transaction.execute(&self.statements.repeated("count", 1), &args).await?;
        }
        transaction.commit().await?;
        Ok(Reconciled { counts: rows.len(), members: self.members().await?, ..Reconciled::default() })
    }

    /// The members of all scopes.
    async fn members(&self) -> sql::Result<Counts> {
        let mut members = Counts::default();
        for row in self.database.rows(&self.statements.get("members"), &[]).await? {
            let status = Status::parse(&row.text(0)?).unwrap_or(Status::Offline);
            members.add(status, u64::try_from(row.int(1)?).unwrap_or(0));
        }
        Ok(members)
    }
}
