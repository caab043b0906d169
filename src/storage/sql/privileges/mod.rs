//! Checks what the user of a database may do: everything that statements need, before the first of them fails.
//!
//! The needs are read from the texts of the statements. Each is tested without effect: on Postgres by its functions for
//! privileges, on MySQL and MariaDB by a statement that changes no row. SQLite has no users.

mod needs;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use self::needs::{Privilege, needs};
use super::connection::{Access, Connection};
use super::error::{Error, Result};
use super::statement::Statement;
use super::{Database, Engine, Statements, TableSchema};

/// The privileges that are missing, by table.
type Missing = BTreeMap<String, BTreeSet<Privilege>>;

const POSTGRES_TABLE: &str = "SELECT CASE WHEN to_regclass($1) IS NULL THEN 2 \
    WHEN has_table_privilege(to_regclass($1)::oid, $2) THEN 1 ELSE 0 END::bigint";

/// The sequences of a table that the user may not use; identity columns need no privilege.
const POSTGRES_SEQUENCES: &str = "SELECT quote_ident(s.relname) FROM pg_class AS s JOIN pg_depend AS d ON d.objid = s.oid \
    WHERE d.deptype = 'a' AND d.refobjid = to_regclass($1)::oid \
    AND CASE WHEN s.relkind = 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') ELSE false END";

const POSTGRES_SCHEMA: &str = "SELECT quote_ident(current_schema()), quote_ident(current_user), \
    has_schema_privilege(current_schema(), 'CREATE')::int::bigint";

const MYSQL_COLUMN: &str = "SELECT column_name FROM information_schema.columns \
    WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position LIMIT 1";

const MYSQL_USER: &str = "SELECT DATABASE(), CURRENT_USER()";

impl Database {
    /// Returns the least `GRANT` statements that let the user of this database execute `statements`, and create the tables
    /// of `created` that are missing; none if nothing is missing.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn missing_grants(&self, statements: &[Statements], created: &TableSchema) -> Result<Vec<String>> {
        let needs = needs(statements);
        let created: HashSet<&str> = created.tables().collect();
        match self.engine() {
            Engine::MySql if !needs.is_empty() => self.missing_in_mysql(&needs, &created).await,
            Engine::Postgres if !needs.is_empty() => self.missing_in_postgres(&needs, &created).await,
            Engine::Sqlite | Engine::MySql | Engine::Postgres => Ok(Vec::new()),
        }
    }

    async fn missing_in_mysql(&self, needs: &Missing, created: &HashSet<&str>) -> Result<Vec<String>> {
        let mut missing = Missing::new();
        for (table, privileges) in needs {
            let columns = self.rows(&Statement::new(MYSQL_COLUMN), &[table.as_str().into()]).await?;
            let column = columns.first().map_or(Ok("id".to_owned()), |row| row.text(0))?;
            for privilege in privileges {
                let outcome = self.rows(&Statement::new(privilege.mysql_test(table, &column)), &[]).await;
                if is_denied(outcome.map(drop))? {
                    missing.entry(table.clone()).or_default().insert(*privilege);
                }
            }
            if columns.is_empty() && created.contains(table.as_str()) && is_denied(self.prepare_creation(table).await)?
            {
                missing.entry(table.clone()).or_default().insert(Privilege::Create);
            }
        }
        let rows = self.rows(&Statement::new(MYSQL_USER), &[]).await?;
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let (database, user) = (row.text(0)?, row.text(1)?);
        let (name, host) = user.rsplit_once('@').unwrap_or((&user, "%"));
        let grant = |(table, privileges): (&String, &BTreeSet<Privilege>)| {
            format!("GRANT {} ON `{database}`.`{table}` TO '{name}'@'{host}'", Privilege::list(privileges))
        };
        Ok(missing.iter().map(grant).collect())
    }

    /// Prepares the creation of a table, for which MySQL and MariaDB check the privilege, and does not execute it.
    async fn prepare_creation(&self, table: &str) -> Result<()> {
        self.within(async {
            let mut connection = self.acquire(Access::Write).await?;
            connection.discard();
            match &mut connection {
                Connection::MySql(lease) => lease.prepare(format!("CREATE TABLE `{table}` (`id` int)")).await,
                Connection::Sqlite(_) | Connection::Postgres(_) => Ok(()),
            }
        })
        .await
    }

    async fn missing_in_postgres(&self, needs: &Missing, created: &HashSet<&str>) -> Result<Vec<String>> {
        let rows = self.rows(&Statement::new(POSTGRES_SCHEMA), &[]).await?;
        let Some(row) = rows.first() else { return Ok(Vec::new()) };
        let (schema, user, may_create) =
            (row.text_or_null(0)?.unwrap_or_default(), row.text(1)?, row.int_or_null(2)? == Some(1));
        let (mut grants, mut lacks_table) = (Vec::new(), false);
        for (table, privileges) in needs {
            let quoted = format!("\"{table}\"");
            let mut missing = BTreeSet::new();
            for privilege in privileges {
                let args = [quoted.as_str().into(), privilege.name().into()];
                let rows = self.rows(&Statement::new(POSTGRES_TABLE), &args).await?;
                match rows.first().map(|row| row.int(0)).transpose()? {
                    Some(0) => drop(missing.insert(*privilege)),
                    Some(2) => lacks_table |= created.contains(table.as_str()),
                    _ => {}
                }
            }
            if !missing.is_empty() {
                grants.push(format!("GRANT {} ON {quoted} TO {user}", Privilege::list(&missing)));
            }
            if privileges.contains(&Privilege::Insert) {
                for row in self.rows(&Statement::new(POSTGRES_SEQUENCES), &[quoted.as_str().into()]).await? {
                    grants.push(format!("GRANT USAGE ON SEQUENCE {} TO {user}", row.text(0)?));
                }
            }
        }
        if lacks_table && !may_create {
            grants.push(format!("GRANT CREATE ON SCHEMA {schema} TO {user}"));
        }
        Ok(grants)
    }
}

/// Whether a test failed for a missing privilege. Tests that fail for another reason say nothing about privileges, unless
/// the database is not available.
fn is_denied(outcome: Result<()>) -> Result<bool> {
    match outcome {
        Err(error) if error.is_denied() => Ok(true),
        Err(error @ (Error::Unavailable(_) | Error::Conflict(_))) if !error.is_read_only() => Err(error),
        Ok(()) | Err(_) => Ok(false),
    }
}
