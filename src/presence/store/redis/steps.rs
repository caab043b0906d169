//! Commits, on one server and in a cluster.
//!
//! On one server a commit is one pipeline. In a cluster Laravel's records are in slots of their own, so that no command can
//! write them together with the states. The order is the same, in up to three steps:
//!
//! 1. The records that are put. The reply has the record of before (`SET … GET`). At the same time the versions of
//!    record-only commits are read: for refreshes this is all. Each node gets one pipeline.
//! 2. The scripts, for all other commits.
//! 3. `DEL` of the records that end.
//!
//! A crash in between leaves what it leaves on one server. One difference remains: the record and the version of a refresh
//! are on different nodes, so that a presence which ends at that very moment may keep its record until that expires, or
//! until the next call for the user.

use ::redis::{Cmd, Value};

use super::commit::CommitGroups;
use super::decode::{decode_record, stored_user};
use super::reply::{CommitReply, is_foreign_value};
use super::shard::Shard;
use super::spread::{get, read};
use super::{RedisStore, USER_BYTES};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{RecordLookup, RecordWrite, Timestamp};
use crate::presence::store::{Commit, Committed, PresenceStore, Result, StoredUser, record};
use crate::storage::redis::{PipelineReply, RedisConnection, SlotPipeline};

/// Commits in a cluster of users whose states are on one node.
struct ClusterCommit<'a> {
    store: &'a RedisStore,
    /// The connections that they go over: any of the shards that they are in.
    shard: &'a Shard,
    /// The connection for records.
    records: &'a RedisConnection,
    /// All shards that they are in.
    shards: Vec<&'a Shard>,
    commits: &'a [Commit],
    groups: CommitGroups<'a>,
    now: Timestamp,
}

impl RedisStore {
    /// Commits users whose shards are on one server, in one pipeline.
    pub(super) async fn commit_on_one_server(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let groups = self.by_shard(commits.iter().map(|commit| &commit.key));
        // Committers have no shard in common, and so no connection.
        let shard = &self.shards[groups.first().map_or(0, |(number, _)| *number)];
        let groups = groups.into_iter().map(|(number, positions)| (&self.shards[number], positions));
        let batch = CommitGroups::new(commits, groups);
        shard.check_rights_once().await?;
        let mut pipeline = batch.pipeline(shard);
        shard.connection.request_confirmation(&mut pipeline);
        let sent = shard.connection.send_each(&pipeline, is_foreign_value).await;
        let PipelineReply { mut replies, retried } = sent.inspect_err(|error| shard.rights.doubt(error))?;
        shard.connection.check_confirmation(&mut replies)?;
        let reply = CommitReply::new(replies);
        let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
        let full: Vec<usize> = batch.full().collect();
        for (place, known) in reply.conflicts(batch.script_sizes(), now)? {
            // The record found ahead of a pipeline that was sent twice may be the one that the pipeline put.
            let record = if retried { RecordLookup::Unknown } else { known.record };
            committed[full[place]] = Committed::Conflict(Box::new(StoredUser { record, ..known }));
        }
        let places = reply.outdated(batch.record_only().map(|(_, expected)| expected))?;
        let outdated: Vec<usize> = places.filter_map(|place| Some(batch.record_only().nth(place)?.0)).collect();
        if !outdated.is_empty() {
            let keys: Vec<UserKey> = outdated.iter().map(|index| commits[*index].key.clone()).collect();
            for (index, current) in outdated.into_iter().zip(self.load(&keys, now).await?) {
                // The loaded record is the one that this commit has just put.
                committed[index] =
                    Committed::Conflict(Box::new(StoredUser { record: RecordLookup::Unknown, ..current }));
            }
        }
        Ok(committed)
    }

    /// Commits users in a cluster, whose records are reached over `records`.
    pub(super) async fn commit_in_cluster(
        &self,
        records: &RedisConnection,
        commits: &[Commit],
        now: Timestamp,
    ) -> Result<Vec<Committed>> {
        let groups = self.by_shard(commits.iter().map(|commit| &commit.key));
        let shards: Vec<&Shard> = groups.iter().map(|(number, _)| &self.shards[*number]).collect();
        let Some(shard) = shards.first() else { return Ok(Vec::new()) };
        shard.check_rights_once().await?;
        let records = shard.records.as_ref().unwrap_or(records);
        let groups = groups.into_iter().map(|(number, positions)| (&self.shards[number], positions));
        let groups = CommitGroups::new(commits, groups);
        ClusterCommit { store: self, shard, records, shards, commits, groups, now }.run().await
    }
}

impl ClusterCommit<'_> {
    async fn run(self) -> Result<Vec<Committed>> {
        let mut committed: Vec<Committed> = self.commits.iter().map(|_| Committed::Done).collect();
        let (before, versions) = self.put_and_read().await.inspect_err(|error| self.shard.rights.doubt(error))?;
        let record_only: Vec<(usize, u64)> = self.groups.record_only().collect();
        for place in versions.outdated(record_only.iter().map(|(_, expected)| *expected))? {
            let (position, _) = record_only[place];
            committed[position] = Committed::Conflict(Box::new(self.load_state(&self.commits[position].key).await?));
        }
        let full: Vec<usize> = self.groups.full().collect();
        for (place, state) in self.run_scripts().await.inspect_err(|error| self.shard.rights.doubt(error))? {
            let record = before[full[place]].clone();
            committed[full[place]] = Committed::Conflict(Box::new(StoredUser { record, ..state }));
        }
        self.forget_records(&committed).await?;
        for position in full {
            // Records that this commit has not put are as they were before it.
            if let Committed::Conflict(known) = &mut committed[position]
                && !matches!(self.commits[position].decision.record, RecordWrite::Put(..))
            {
                known.record = self.read_record(&self.commits[position].key).await?;
            }
        }
        Ok(committed)
    }

    /// Puts the records of all commits, and reads the versions of record-only ones. Returns for each commit the record that
    /// was there before, if it is a full one and puts one.
    async fn put_and_read(&self) -> Result<(Vec<RecordLookup>, CommitReply)> {
        let mut puts = SlotPipeline::with_capacity(2 * self.commits.len());
        let mut positions = Vec::with_capacity(self.commits.len());
        for (position, commit) in self.commits.iter().enumerate() {
            if let Some(put) = self.put(commit, !commit.is_record_only()) {
                puts.add(self.shard.keys.record_slot(&commit.key), put);
                positions.push(position);
            }
        }
        let (replies, versions) = match self.is_one_pipeline(&puts) {
            true => {
                self.add_versions(&mut puts);
                let mut replies = self.records.send_to_slots(&puts, is_foreign_value).await?;
                let versions = replies.split_off(positions.len());
                (replies, versions)
            }
            false => {
                let mut versions = SlotPipeline::with_capacity(self.commits.len());
                self.add_versions(&mut versions);
                tokio::try_join!(
                    self.records.send_to_slots(&puts, is_foreign_value),
                    self.shard.connection.send_to_slots(&versions, is_foreign_value)
                )?
            }
        };
        let is_confirmed = self.groups.record_only().len() > 0;
        let versions = if is_confirmed { self.confirmed(versions)? } else { versions };
        Ok((self.records_before(positions, replies).await?, CommitReply::new(versions)))
    }

    /// Whether the records that are put, and the states, are over one connection on the same node.
    fn is_one_pipeline(&self, puts: &SlotPipeline) -> bool {
        let states = &self.shard.connection;
        let is_same_node = |slot| self.records.server_of(slot) == states.server_of(states.slot());
        self.records.is_beside(states) && puts.first_slot().is_none_or(is_same_node)
    }

    /// Adds the reads of the versions of record-only commits. A refresh does not write there; it is answered only if replicas
    /// have what was written before.
    fn add_versions(&self, pipeline: &mut SlotPipeline) {
        self.groups.versions().for_each(|(shard, version)| pipeline.add(shard.connection.slot(), version));
        if self.groups.record_only().len() > 0 {
            self.request_confirmation(pipeline);
        }
    }

    /// The records in the replies to the commands that put those of the commits at `positions`.
    async fn records_before(&self, positions: Vec<usize>, replies: Vec<Value>) -> Result<Vec<RecordLookup>> {
        let mut before: Vec<RecordLookup> = self.commits.iter().map(|_| RecordLookup::Unknown).collect();
        let mut again = SlotPipeline::with_capacity(0);
        for (position, reply) in positions.into_iter().zip(replies) {
            match reply {
                // A value of another type cannot be returned, only replaced.
                Value::ServerError(_) => {
                    let commit = &self.commits[position];
                    let slot = self.shard.keys.record_slot(&commit.key);
                    self.put(commit, false).into_iter().for_each(|put| again.add(slot, put));
                }
                Value::Okay => {}
                value => before[position] = decode_record(read(value)?, self.now),
            }
        }
        self.records.send_to_slots(&again, is_foreign_value).await?;
        Ok(before)
    }

    /// The command that puts the record of a commit, and returns the one of before if `is_read`.
    fn put(&self, commit: &Commit, is_read: bool) -> Option<Cmd> {
        let RecordWrite::Put(record, seconds) = &commit.decision.record else { return None };
        let (key, value) = (self.shard.keys.record(&commit.key), record::encode(record, self.shard.zone));
        let mut put = Cmd::with_capacity(6, USER_BYTES);
        match is_read {
            true => put.arg("SET").arg(key).arg(value).arg("EX").arg(*seconds).arg("GET"),
            false => put.arg("SETEX").arg(key).arg(*seconds).arg(value),
        };
        Some(put)
    }

    /// Runs the scripts. Returns the places among the full commits of those that are refused, and the states that are stored.
    async fn run_scripts(&self) -> Result<Vec<(usize, StoredUser)>> {
        let sizes: Vec<usize> = self.groups.script_sizes().collect();
        if sizes.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = SlotPipeline::with_capacity(2 * sizes.len());
        for (shard, commits) in self.groups.scripts() {
            pipeline.add(shard.connection.slot(), shard.commit_script(&commits));
        }
        self.request_confirmation(&mut pipeline);
        let replies = self.confirmed(self.shard.connection.send_to_slots(&pipeline, |_| false).await?)?;
        let (mut refused, mut first) = (Vec::new(), 0);
        for (conflicts, size) in replies.into_iter().zip(sizes) {
            let conflicts: Vec<Value> = read(conflicts)?;
            refused
                .extend(CommitReply::states_of(&conflicts)?.into_iter().map(|(place, state)| (first + place, state)));
            first += size;
        }
        Ok(refused)
    }

    /// Has the replicas of each shard confirm what was written, if commits need that.
    fn request_confirmation(&self, pipeline: &mut SlotPipeline) {
        for shard in &self.shards {
            shard.connection.confirmation().into_iter().for_each(|wait| pipeline.add(shard.connection.slot(), wait));
        }
    }

    /// The other replies to a pipeline for which [confirmation was requested](Self::request_confirmation).
    fn confirmed(&self, mut replies: Vec<Value>) -> Result<Vec<Value>> {
        for shard in &self.shards {
            shard.connection.check_confirmation(&mut replies)?;
        }
        Ok(replies)
    }

    /// Removes the records of commits that are done and end a presence.
    async fn forget_records(&self, committed: &[Committed]) -> Result<()> {
        let mut pipeline = SlotPipeline::with_capacity(0);
        let done = self.commits.iter().zip(committed).filter(|(_, committed)| **committed == Committed::Done);
        for (commit, _) in done.filter(|(commit, _)| commit.decision.record == RecordWrite::Forget) {
            let mut remove = ::redis::cmd("DEL");
            remove.arg(self.shard.keys.record(&commit.key));
            pipeline.add(self.shard.keys.record_slot(&commit.key), remove);
        }
        self.records.send_to_slots(&pipeline, |_| false).await.map(drop)
    }

    /// The state of a user, without the record.
    async fn load_state(&self, key: &UserKey) -> Result<StoredUser> {
        let shard = self.store.shard(key);
        let state = get_one(&self.shard.connection, shard.connection.slot(), get(shard.keys.state(key))).await?;
        Ok(stored_user(state, RecordLookup::Unknown))
    }

    async fn read_record(&self, key: &UserKey) -> Result<RecordLookup> {
        let (slot, get) = (self.shard.keys.record_slot(key), get(self.shard.keys.record(key)));
        let record = get_one(self.records, slot, get).await?;
        Ok(decode_record(record, self.now))
    }
}

/// The string that a command reads; a value of another type counts as none.
async fn get_one(connection: &RedisConnection, slot: u16, get: Cmd) -> Result<Option<Vec<u8>>> {
    let mut pipeline = SlotPipeline::with_capacity(1);
    pipeline.add(slot, get);
    read(connection.send_to_slots(&pipeline, is_foreign_value).await?.pop().unwrap_or(Value::Nil))
}
