//! One shard: the keys of some users, the connections to them, and the scripts.

use ::redis::{Cmd, Pipeline, cmd};
use chrono_tz::Tz;

use super::connections::{LogConnection, Rights};
use super::decode::{decode_record, stored_user};
use super::keys::Keys;
use super::options::Options;
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{HeldChange, Outbox, Timestamp};
use crate::presence::store::{Result, StoredUser};
use crate::queue;
use crate::storage::redis::RedisConnection;

/// A string in Redis, if there is one.
pub(super) type StoredValue = Option<Vec<u8>>;

/// The number of the queue, the id and the payload of a job that waits.
pub(super) type HeldJob = (usize, String, Vec<u8>);

/// A part of the users: all of the sidecar's own keys of a user are in one shard.
pub(super) struct Shard {
    pub(super) connection: RedisConnection,
    /// The connection for Laravel's records in a cluster, where they are in slots, and perhaps in a database, of their own.
    pub(super) records: Option<RedisConnection>,
    pub(super) log: LogConnection,
    pub(super) keys: Keys,
    pub(super) databases: Option<(i64, i64)>,
    pub(super) zone: Tz,
    pub(super) outbox: Outbox,
    /// The key prefix of each queue of the outbox.
    pub(super) queues: Vec<String>,
    pub(super) scripts: Scripts,
    pub(super) rights: Rights,
}

/// The hashes of the scripts.
pub(super) struct Scripts {
    pub(super) commit: String,
    pub(super) held: String,
    pub(super) claim: String,
    pub(super) trim: String,
    pub(super) reconcile: String,
}

impl Shard {
    /// The shard with these keys, not connected yet. In a cluster it uses the sockets of the `first` shard, so that a node gets
    /// the commands of all shards at once.
    pub(super) fn new(options: &Options, keys: Keys, first: Option<&Self>) -> Result<Self> {
        let (servers, timeout) = (&options.servers, options.timeout);
        let log = LogConnection::new(servers.clone(), &keys.own, timeout)?;
        // A command that waits for replicas blocks its socket.
        let first = first.filter(|_| servers.is_cluster() && options.servers.confirmation().is_none());
        let mut connection = match first {
            Some(first) => first.connection.beside(&keys.own),
            None => RedisConnection::new(servers.clone(), &keys.own, timeout)?,
        };
        let records = match first.and_then(|first| first.records.as_ref()) {
            Some(records) => Some(records.beside(&keys.own)),
            None => records_in_cluster(options, &keys, &connection)?,
        };
        let mut script = |code: &str| connection.register_script(&format!("{}{code}", queue::redis::PUSH));
        let scripts = Scripts {
            commit: script(concat!(include_str!("newest.lua"), include_str!("commit.lua"))),
            held: script(include_str!("held.lua")),
            claim: script(include_str!("claim.lua")),
            trim: script(include_str!("trim.lua")),
            reconcile: script(include_str!("reconcile.lua")),
        };
        let are_two = !servers.is_cluster() && servers.database() != options.cache_db;
        let outbox = options.outbox.clone();
        Ok(Self {
            scripts,
            records,
            rights: Rights::default(),
            connection,
            log,
            databases: are_two.then_some((servers.database(), options.cache_db)),
            zone: options.zone,
            queues: outbox.queues.iter().map(|queue| queue::redis::keys(&keys.own, &queue.name)).collect(),
            outbox,
            keys,
        })
    }

    /// The key that each script declares in a cluster although it never exists, so that no node runs the script while the
    /// slot is being migrated.
    pub(super) fn guard(&self) -> Option<&str> {
        self.connection.is_cluster().then_some(&self.keys.guard)
    }

    pub(super) fn select_own_db(&self, pipeline: &mut Pipeline) {
        if let Some((own, _)) = self.databases {
            select(pipeline, own).ignore();
        }
    }

    pub(super) fn select_cache_db(&self, pipeline: &mut Pipeline) {
        if let Some((_, cache)) = self.databases {
            select(pipeline, cache).ignore();
        }
    }

    /// The states and records of `keys`, which are on one server.
    pub(super) async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        let mut pipeline = Pipeline::with_capacity(4);
        self.select_own_db(&mut pipeline);
        let states = pipeline.cmd("MGET");
        keys.iter().for_each(|key| _ = states.arg(self.keys.state(key)));
        self.select_cache_db(&mut pipeline);
        pipeline.add_command(self.get_records(keys.iter()));
        let (states, records): (Vec<StoredValue>, Vec<StoredValue>) = self.connection.read(&pipeline).await?;
        Ok(states
            .into_iter()
            .zip(records)
            .map(|(state, record)| stored_user(state, decode_record(record, now)))
            .collect())
    }

    /// Reads the held jobs of users.
    pub(super) fn held_call<'a>(&self, keys: impl Iterator<Item = &'a UserKey>) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(&self.scripts.held).arg(self.declared(1)).arg(&self.keys.due).arg(self.guard());
        call.arg(self.outbox.debounced().count());
        self.outbox.debounced().for_each(|(position, _)| _ = call.arg(&self.queues[position]));
        keys.for_each(|key| _ = call.arg(key.as_str()));
        call
    }

    /// The held jobs in the reply to [`held_call`](Self::held_call), for each user.
    pub(super) fn held(&self, lanes: Vec<Vec<HeldJob>>) -> Vec<Vec<HeldChange>> {
        let positions: Vec<usize> = self.outbox.debounced().map(|(position, _)| position).collect();
        let held = |(number, id, payload): HeldJob| {
            let position = number.checked_sub(1).and_then(|number| positions.get(number))?;
            Some(self.outbox.held(*position, id, &payload))
        };
        lanes.into_iter().map(|jobs| jobs.into_iter().filter_map(held).collect()).collect()
    }

    /// The number of keys that a script declares: these, and the guard.
    pub(super) fn declared(&self, keys: usize) -> usize {
        keys + usize::from(self.connection.is_cluster())
    }

    pub(super) async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.scripts.claim).arg(self.declared(1));
        call.arg(&self.keys.due).arg(self.guard());
        call.arg(now.millis()).arg(limit).arg(now.millis().saturating_add_unsigned(lease_ms));
        let (keys,): (Vec<String>,) = self.connection.read(&pipeline).await?;
        Ok(keys.iter().filter_map(|key| UserKey::parse(key)).collect())
    }

    pub(super) async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        pipeline.cmd("ZSCAN").arg(&self.keys.due).arg(from).arg("COUNT").arg(limit);
        let ((next, keys),): ((u64, Vec<(String, String)>),) = self.connection.read(&pipeline).await?;
        let keys = keys.iter().filter_map(|(key, _due)| UserKey::parse(key)).collect();
        Ok((keys, (next != 0).then_some(next)))
    }

    /// The time of the server of this shard.
    pub(super) async fn time(&self) -> Result<Timestamp> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("TIME");
        let ((seconds, micros),): ((i64, i64),) = self.connection.read(&pipeline).await?;
        Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)))
    }
}

/// The connection for Laravel's records, which is that for states if both are in one database.
fn records_in_cluster(options: &Options, keys: &Keys, states: &RedisConnection) -> Result<Option<RedisConnection>> {
    let servers = options.servers.clone();
    match servers.is_cluster() {
        true if servers.database() == options.cache_db => Ok(Some(states.beside(&keys.own))),
        true => RedisConnection::new(servers.with_database(options.cache_db), &keys.own, options.timeout).map(Some),
        false => Ok(None),
    }
}

pub(super) fn select(pipeline: &mut Pipeline, database: i64) -> &mut Pipeline {
    pipeline.cmd("SELECT").arg(database)
}
