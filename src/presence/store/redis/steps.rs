//! Commits, on one server and in a cluster.
//!
//! On one server a commit is one pipeline. In a cluster Laravel's records are in slots of their own, so that no command can
//! write them together with the states. The order is the same, in up to three steps:
//!
//! 1. The records that are put. The reply has the record of before (`SET … GET`). At the same time the versions of
//!    record-only commits are read: for refreshes this is all.
//! 2. The script, for all other commits.
//! 3. `DEL` of the records that end.
//!
//! A crash in between leaves what it leaves on one server. One difference remains: the record and the version of a refresh
//! are on different nodes, so that a presence which ends at that very moment may keep its record until that expires, or
//! until the next call for the user.

use ::redis::{Cmd, Pipeline, Value, from_redis_value};
use futures_util::future::try_join_all;

use super::commit::ServerBatch;
use super::decode::decode_record;
use super::reply::{CommitReply, is_foreign_value};
use super::shard::Shard;
use super::{RedisStore, USER_BYTES};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{RecordLookup, RecordWrite, Timestamp};
use crate::presence::store::{Commit, Committed, PresenceStore, Result, StoredUser, record};
use crate::storage::redis::{PipelineReply, RedisConnection, unavailable};

/// The positions of commits.
struct Kinds {
    record_only: Vec<usize>,
    full: Vec<usize>,
}

impl Kinds {
    fn of(commits: &[&Commit]) -> Self {
        let (record_only, full) = (0..commits.len()).partition(|position| commits[*position].is_record_only());
        Self { record_only, full }
    }
}

impl RedisStore {
    /// Commits users whose shards are on one server, in one pipeline.
    pub(super) async fn commit_on_one_server(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let groups = self.by_shard(commits.iter().map(|commit| &commit.key));
        // Committers have no shard in common, and so no connection.
        let shard = &self.shards[groups.first().map_or(0, |(number, _)| *number)];
        let groups = groups.into_iter().map(|(number, positions)| (&self.shards[number], positions));
        let batch = ServerBatch::new(commits, groups);
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

    /// Commits users in a cluster, whose records are reached over `records`: all shards at the same time.
    pub(super) async fn commit_in_cluster(
        &self,
        records: &RedisConnection,
        commits: &[Commit],
        now: Timestamp,
    ) -> Result<Vec<Committed>> {
        let groups = self.by_shard(commits.iter().map(|commit| &commit.key));
        let sent = groups.iter().map(async |(shard, positions)| {
            let commits: Vec<&Commit> = positions.iter().map(|position| &commits[*position]).collect();
            let shard = &self.shards[*shard];
            shard.commit_in_cluster(shard.records.as_ref().unwrap_or(records), &commits, now).await
        });
        let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
        for ((_, positions), results) in groups.iter().zip(try_join_all(sent).await?) {
            positions.iter().zip(results).for_each(|(position, result)| committed[*position] = result);
        }
        Ok(committed)
    }
}

impl Shard {
    async fn commit_in_cluster(
        &self,
        records: &RedisConnection,
        commits: &[&Commit],
        now: Timestamp,
    ) -> Result<Vec<Committed>> {
        self.check_rights_once().await?;
        let kinds = Kinds::of(commits);
        let first = tokio::try_join!(self.put_records(records, commits, now), self.read_versions(commits, &kinds));
        let (before, versions) = first.inspect_err(|error| self.rights.doubt(error))?;
        let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
        let expected = kinds.record_only.iter().map(|position| commits[*position].expected);
        for place in versions.outdated(expected)? {
            let position = kinds.record_only[place];
            let state = self.load_state(&commits[position].key).await?;
            committed[position] = Committed::Conflict(Box::new(state));
        }
        if !kinds.full.is_empty() {
            self.run_script(commits, &kinds.full, &before, &mut committed).await?;
        }
        self.forget_records(records, commits, &committed).await?;
        for position in kinds.full {
            // Records that this commit has not put are as they were before it.
            if let Committed::Conflict(known) = &mut committed[position]
                && !matches!(commits[position].decision.record, RecordWrite::Put(..))
            {
                known.record = self.read_record(records, &commits[position].key, now).await?;
            }
        }
        Ok(committed)
    }

    /// Puts the records of all commits. Returns for each commit what was there before, if it is a full one and puts one.
    async fn put_records(
        &self,
        records: &RedisConnection,
        commits: &[&Commit],
        now: Timestamp,
    ) -> Result<Vec<RecordLookup>> {
        let mut pipeline = Pipeline::with_capacity(commits.len());
        let (mut slots, mut positions) = (Vec::with_capacity(commits.len()), Vec::with_capacity(commits.len()));
        for (position, commit) in commits.iter().enumerate() {
            if let Some(put) = self.put_in_cluster(commit, !commit.is_record_only()) {
                pipeline.add_command(put);
                slots.push(self.keys.record_slot(&commit.key));
                positions.push(position);
            }
        }
        let mut before: Vec<RecordLookup> = commits.iter().map(|_| RecordLookup::Unknown).collect();
        if positions.is_empty() {
            return Ok(before);
        }
        pipeline.ignore_errors();
        let replies = records.send_to_slots(&pipeline, &slots, is_foreign_value).await?;
        let mut foreign = Vec::new();
        for (position, reply) in positions.into_iter().zip(replies) {
            match reply {
                Value::ServerError(_) => foreign.push(position),
                Value::Okay => {}
                value => before[position] = decode_record(read(value)?, now),
            }
        }
        for position in foreign {
            // A value of another type cannot be returned, only replaced.
            if let Some(put) = self.put_in_cluster(commits[position], false) {
                send_one(records, put, self.keys.record_slot(&commits[position].key)).await?;
            }
        }
        Ok(before)
    }

    /// The command that puts the record of a commit, and returns the one of before if `is_read`.
    fn put_in_cluster(&self, commit: &Commit, is_read: bool) -> Option<Cmd> {
        let RecordWrite::Put(record, seconds) = &commit.decision.record else { return None };
        let (key, value) = (self.keys.record(&commit.key), record::encode(record, self.zone));
        let mut put = Cmd::with_capacity(6, USER_BYTES);
        match is_read {
            true => put.arg("SET").arg(key).arg(value).arg("EX").arg(*seconds).arg("GET"),
            false => put.arg("SETEX").arg(key).arg(*seconds).arg(value),
        };
        Some(put)
    }

    async fn read_versions(&self, commits: &[&Commit], kinds: &Kinds) -> Result<CommitReply> {
        if kinds.record_only.is_empty() {
            return Ok(CommitReply::default());
        }
        let mut pipeline = Pipeline::with_capacity(kinds.record_only.len());
        for position in &kinds.record_only {
            pipeline.add_command(self.get_version(commits[*position]));
        }
        // A refresh does not write here. It is answered only if replicas have what was written before.
        self.connection.request_confirmation(&mut pipeline);
        pipeline.ignore_errors();
        let mut replies = self.connection.send_each(&pipeline, is_foreign_value).await?.replies;
        self.connection.check_confirmation(&mut replies)?;
        Ok(CommitReply::new(replies))
    }

    /// Runs the script for the commits at `full`; those that are refused get the record of before.
    async fn run_script(
        &self,
        commits: &[&Commit],
        full: &[usize],
        before: &[RecordLookup],
        committed: &mut [Committed],
    ) -> Result<()> {
        let chosen: Vec<&Commit> = full.iter().map(|position| commits[*position]).collect();
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(self.commit_script(&chosen));
        self.connection.request_confirmation(&mut pipeline);
        let sent = self.connection.send::<Vec<Value>>(&pipeline).await;
        let mut replies = sent.inspect_err(|error| self.rights.doubt(error))?;
        self.connection.check_confirmation(&mut replies)?;
        let conflicts = replies.pop().unwrap_or(Value::Nil);
        let conflicts: Vec<Value> = from_redis_value(conflicts).map_err(|error| unavailable(error.into()))?;
        for (place, state) in CommitReply::states_of(&conflicts)? {
            let position = full[place];
            let record = before[position].clone();
            committed[position] = Committed::Conflict(Box::new(StoredUser { record, ..state }));
        }
        Ok(())
    }

    /// Removes the records of commits that are done and end a presence.
    async fn forget_records(
        &self,
        records: &RedisConnection,
        commits: &[&Commit],
        committed: &[Committed],
    ) -> Result<()> {
        let mut pipeline = Pipeline::new();
        let mut slots = Vec::new();
        let done = commits.iter().zip(committed).filter(|(_, committed)| **committed == Committed::Done);
        for (commit, _) in done.filter(|(commit, _)| commit.decision.record == RecordWrite::Forget) {
            pipeline.cmd("DEL").arg(self.keys.record(&commit.key));
            slots.push(self.keys.record_slot(&commit.key));
        }
        if slots.is_empty() {
            return Ok(());
        }
        pipeline.ignore_errors();
        records.send_to_slots(&pipeline, &slots, |_| false).await.map(drop)
    }

    /// The state of a user, without the record.
    async fn load_state(&self, key: &UserKey) -> Result<StoredUser> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("GET").arg(self.keys.state(key)).ignore_errors();
        let reply = self.connection.send_each(&pipeline, is_foreign_value).await?.replies.into_iter().next();
        let state = reply.filter(|reply| !matches!(reply, Value::ServerError(_))).map(read).transpose()?.flatten();
        Ok(super::decode::stored_user(state, RecordLookup::Unknown))
    }

    async fn read_record(&self, records: &RedisConnection, key: &UserKey, now: Timestamp) -> Result<RecordLookup> {
        let mut get = Cmd::with_capacity(2, 96);
        get.arg("GET").arg(self.keys.record(key));
        let reply = send_one(records, get, self.keys.record_slot(key)).await?;
        let is_foreign = matches!(reply, Value::ServerError(_));
        Ok(decode_record(if is_foreign { None } else { read(reply)? }, now))
    }
}

async fn send_one(records: &RedisConnection, command: Cmd, slot: u16) -> Result<Value> {
    let mut pipeline = Pipeline::with_capacity(1);
    pipeline.add_command(command).ignore_errors();
    let replies = records.send_to_slots(&pipeline, &[slot], is_foreign_value).await?;
    Ok(replies.into_iter().next().unwrap_or(Value::Nil))
}

fn read(value: Value) -> Result<Option<Vec<u8>>> {
    from_redis_value(value).map_err(|error| unavailable(error.into()))
}
