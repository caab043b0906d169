//! Reconciliation: due times and rosters that disagree with the states, or that are lost, are corrected.
//!
//! The keys of the database are read in small steps, over the connection of the log. A user of a state is compared where
//! the state is found, and a member of a roster where the roster is found, so that neither is missed if the other is lost.

use std::time::Duration;

use ::redis::Pipeline;

use super::shard::Shard;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Status, Timestamp};
use crate::presence::store::{Reconciled, Result};
use crate::storage::redis::escape_glob;

/// About how many keys, or members of a roster, are read in one round trip.
const PAGE: usize = 128;
/// The pause between two pages of one roster.
const PAUSE: Duration = Duration::from_millis(10);

impl Shard {
    pub(super) async fn reconcile_keys(&self, from: u64, now: Timestamp) -> Result<Reconciled> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("SCAN").arg(from).arg("MATCH").arg(format!("{}*", escape_glob(&self.keys.own)));
        pipeline.arg("COUNT").arg(PAGE);
        let ((next, keys),): ((u64, Vec<String>),) = self.log.connection.read(&pipeline).await?;
        let mut found = Reconciled { next: (next != 0).then_some(next), ..Reconciled::default() };
        let names: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix(&self.keys.own)).collect();
        let states = names.iter().filter_map(|name| UserKey::parse(name.strip_prefix("state:")?));
        self.compare(&states.collect::<Vec<_>>(), now, &mut found).await?;
        for (status, name, scope) in names.iter().filter_map(|name| parse_roster(name)) {
            found.members.add(status, self.count_members(name).await?);
            self.compare_roster((name, scope), now, &mut found).await?;
        }
        Ok(found)
    }

    async fn count_members(&self, roster: &str) -> Result<u64> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("ZCARD").arg(format!("{}{roster}", self.keys.own));
        let (members,): (u64,) = self.log.connection.read(&pipeline).await?;
        Ok(members)
    }

    /// Compares all members of the roster `name`, such as `online:presence|guard:web`.
    async fn compare_roster(&self, (name, scope): (&str, &str), now: Timestamp, found: &mut Reconciled) -> Result<()> {
        let mut from = 0;
        loop {
            let mut pipeline = Pipeline::with_capacity(1);
            pipeline.cmd("ZSCAN").arg(format!("{}{name}", self.keys.own)).arg(from).arg("COUNT").arg(PAGE);
            let ((next, members),): ((u64, Vec<(String, String)>),) = self.log.connection.read(&pipeline).await?;
            let members: Vec<UserKey> = members.iter().map(|(member, _)| UserKey::of_member(scope, member)).collect();
            self.compare(&members, now, found).await?;
            if next == 0 {
                return Ok(());
            }
            from = next;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn compare(&self, users: &[UserKey], now: Timestamp, found: &mut Reconciled) -> Result<()> {
        for users in users.chunks(PAGE) {
            let mut pipeline = Pipeline::with_capacity(2);
            self.select_own_db(&mut pipeline);
            let call = pipeline.cmd("EVALSHA").arg(&self.scripts.reconcile).arg(self.declared(1));
            call.arg(&self.keys.due).arg(self.guard()).arg(&self.keys.own).arg(now.millis());
            users.iter().for_each(|user| _ = call.arg(user.as_str()).arg(user.scope()).arg(user.member()));
            let ((due, rosters),): ((usize, usize),) = self.connection.read(&pipeline).await?;
            found.due += due;
            found.rosters += rosters;
        }
        Ok(())
    }
}

/// The status of a roster, its name, and its scope.
fn parse_roster(name: &str) -> Option<(Status, &str, &str)> {
    let (status, scope) = name.strip_prefix("roster:")?.split_once(':')?;
    let status = Status::parse(status).filter(|status| status.is_present())?;
    Some((status, name, scope))
}
