//! Reads of several shards: one pipeline on one server; in a cluster one for each node, all at the same time.

use std::collections::BTreeSet;

use ::redis::{Cmd, FromRedisValue, Pipeline, Value, cmd, from_redis_value};
use futures_util::future::try_join_all;

use super::RedisStore;
use super::decode::{decode_record, stored_user};
use super::reply::is_foreign_value;
use super::shard::{Shard, StoredValue};
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{HeldChange, RecordLookup, Status, Timestamp};
use crate::presence::store::{Counts, Result, StoredUser, Unavailable};
use crate::storage::redis::{SlotPipeline, shard_of, unavailable};

/// Both rosters.
const ROSTERS: [Status; 2] = [Status::Online, Status::Away];

/// Commands for keys of several shards in the sidecar's own database, with the numbers of their shards.
#[derive(Default)]
struct ShardCommands(Vec<(usize, Cmd)>);

impl ShardCommands {
    fn add(&mut self, shard: usize, command: Cmd) {
        self.0.push((shard, command));
    }

    /// Sends them; returns their replies. In a cluster a key of another type counts as missing, and the error names the
    /// shards whose commands failed.
    async fn read<T: FromRedisValue>(self, store: &RedisStore) -> Result<Vec<T>> {
        let first = &store.shards[0];
        if !first.connection.is_cluster() {
            let mut pipeline = Pipeline::with_capacity(1 + self.0.len());
            first.select_own_db(&mut pipeline);
            self.0.into_iter().for_each(|(_, command)| _ = pipeline.add_command(command));
            return first.connection.read(&pipeline).await;
        }
        let shards: Vec<usize> = self.0.iter().map(|(shard, _)| *shard).collect();
        let mut pipeline = SlotPipeline::with_capacity(self.0.len());
        self.0.into_iter().for_each(|(shard, command)| pipeline.add(store.shards[shard].connection.slot(), command));
        let replies = first.connection.read_from_slots(&pipeline, is_foreign_value).await;
        let replies = replies.map_err(|failed| {
            let failed_shards: BTreeSet<usize> = failed.places.iter().map(|place| shards[*place]).collect();
            store.of_shards(failed_shards, &failed.error)
        })?;
        replies.into_iter().map(read).collect()
    }
}

/// The connection that scripts are called over.
#[derive(Clone, Copy)]
pub(super) enum Channel {
    States,
    Log,
}

impl RedisStore {
    /// The error of some of several shards.
    pub(super) fn of_shards(&self, shards: impl IntoIterator<Item = usize>, error: &Unavailable) -> Unavailable {
        let names: Vec<String> = shards.into_iter().map(|shard| format!("{shard:02}")).collect();
        match self.shards.len() > 1 && !names.is_empty() {
            true => error.clone().at(&format!("shard {}", names.join(", "))),
            false => error.clone(),
        }
    }

    pub(super) async fn load_from_shards(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        if self.shards[0].records.is_some() {
            let mut commands = ShardCommands::default();
            for key in keys {
                let shard = shard_of(key.as_str(), self.shards.len());
                commands.add(shard, get(self.shards[shard].keys.state(key)));
            }
            let (states, records) = tokio::try_join!(commands.read(self), self.read_records(keys, now))?;
            return Ok(states.into_iter().zip(records).map(|(state, record)| stored_user(state, record)).collect());
        }
        let first = &self.shards[0];
        let mut pipeline = Pipeline::with_capacity(4);
        first.select_own_db(&mut pipeline);
        let states = pipeline.cmd("MGET");
        keys.iter().for_each(|key| _ = states.arg(self.shard(key).keys.state(key)));
        first.select_cache_db(&mut pipeline);
        pipeline.add_command(first.get_records(keys.iter()));
        let (states, records): (Vec<StoredValue>, Vec<StoredValue>) = first.connection.read(&pipeline).await?;
        let users = states.into_iter().zip(records);
        Ok(users.map(|(state, record)| stored_user(state, decode_record(record, now))).collect())
    }

    pub(super) async fn read_records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let first = &self.shards[0];
        let records: Vec<Option<Vec<u8>>> = match &first.records {
            Some(records) => {
                let mut pipeline = SlotPipeline::with_capacity(keys.len());
                keys.iter().for_each(|key| pipeline.add(first.keys.record_slot(key), get(first.keys.record(key))));
                let replies = records.read_from_slots(&pipeline, is_foreign_value).await;
                let replies = replies.map_err(|failed| failed.error)?;
                replies.into_iter().map(read).collect::<Result<_>>()?
            }
            None => {
                let mut pipeline = Pipeline::with_capacity(2);
                first.select_cache_db(&mut pipeline);
                pipeline.add_command(first.get_records(keys.iter()));
                let (records,) = first.connection.read(&pipeline).await?;
                records
            }
        };
        Ok(records.into_iter().map(|record| decode_record(record, now)).collect())
    }

    pub(super) async fn read_held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        let groups = self.by_shard(keys.iter());
        let calls = groups.iter().map(|(shard, positions)| {
            (*shard, self.shards[*shard].held_call(positions.iter().map(|position| &keys[*position])))
        });
        let lanes = self.call_scripts(Channel::States, calls.collect()).await?;
        let mut held = vec![Vec::new(); keys.len()];
        for ((shard, positions), lanes) in groups.iter().zip(lanes) {
            let jobs = self.shards[*shard].held(lanes);
            positions.iter().zip(jobs).for_each(|(position, jobs)| held[*position] = jobs);
        }
        Ok(held)
    }

    /// Calls scripts that read, each in a shard: on one server in one pipeline, in a cluster at the same time.
    pub(super) async fn call_scripts<T: FromRedisValue>(
        &self,
        channel: Channel,
        calls: Vec<(usize, Cmd)>,
    ) -> Result<Vec<T>> {
        let send = async |shard: &Shard, calls: Vec<Cmd>| -> Result<Vec<T>> {
            let mut pipeline = Pipeline::with_capacity(1 + calls.len());
            let connection = match channel {
                Channel::States => {
                    shard.select_own_db(&mut pipeline);
                    &shard.connection
                }
                // It is always in the sidecar's own database.
                Channel::Log => &shard.log.connection,
            };
            calls.into_iter().for_each(|call| _ = pipeline.add_command(call));
            connection.read(&pipeline).await
        };
        if !self.shards[0].connection.is_cluster() {
            return send(&self.shards[0], calls.into_iter().map(|(_, call)| call).collect()).await;
        }
        let sent = calls.into_iter().map(async |(shard, call)| {
            send(&self.shards[shard], vec![call]).await.map_err(|error| self.of_shards([shard], &error))
        });
        Ok(try_join_all(sent).await?.into_iter().flatten().collect())
    }

    pub(super) async fn read_roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        let mut commands = ShardCommands::default();
        for (number, shard) in self.shards.iter().enumerate() {
            let mut range = cmd("ZRANGE");
            range.arg(shard.keys.roster(scope.as_str(), status)).arg(&from).arg("+");
            range.arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
            commands.add(number, range);
        }
        let mut members: Vec<String> = commands.read::<Vec<String>>(self).await?.into_iter().flatten().collect();
        if self.shards.len() > 1 {
            members.sort_unstable();
            members.truncate(limit);
        }
        Ok(members.iter().map(|member| UserKey::of_member(scope.as_str(), member)).collect())
    }

    pub(super) async fn read_roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        let mut commands = ShardCommands::default();
        for key in keys {
            for status in ROSTERS {
                let shard = shard_of(key.as_str(), self.shards.len());
                let mut score = cmd("ZSCORE");
                score.arg(self.shards[shard].keys.roster(key.scope(), status)).arg(key.member());
                commands.add(shard, score);
            }
        }
        let scores: Vec<Option<String>> = commands.read(self).await?;
        let status = |pair: &[Option<String>]| match pair {
            [Some(_), _] => Status::Online,
            [_, Some(_)] => Status::Away,
            _ => Status::Offline,
        };
        Ok(scores.chunks(2).map(status).collect())
    }

    pub(super) async fn read_counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let mut commands = ShardCommands::default();
        for (number, shard) in self.shards.iter().enumerate() {
            for status in ROSTERS {
                let mut count = cmd("ZCARD");
                count.arg(shard.keys.roster(scope.as_str(), status));
                commands.add(number, count);
            }
        }
        let numbers: Vec<Option<u64>> = commands.read(self).await?;
        let sum = |first: usize| numbers.iter().skip(first).step_by(2).flatten().sum();
        Ok(Counts { online: sum(0), away: sum(1) })
    }
}

pub(super) fn get(key: impl ::redis::ToRedisArgs) -> Cmd {
    let mut get = Cmd::with_capacity(2, 96);
    get.arg("GET").arg(key);
    get
}

/// Reads a reply; an error that is not harmless was found before.
pub(super) fn read<T: FromRedisValue>(reply: Value) -> Result<T> {
    let reply = if matches!(reply, Value::ServerError(_)) { Value::Nil } else { reply };
    from_redis_value(reply).map_err(|error| unavailable(error.into()))
}
