//! The store in Redis, shared by all replicas and with Laravel.
//!
//! A commit of any number of users is one pipeline: `SETEX` of the Laravel records that are written, one Lua call for
//! everything else, `DEL` of the records that are removed. The script compares versions and checks retractions, so that
//! nothing is written twice. When the server does not know the script, the whole pipeline is sent again. The order matters to readers in between: the record of a present user is there before the
//! state, and is removed after it. The record of a refused commit is written again by the commit that follows; the record
//! before the commit is read ahead of it, as it may contain heartbeats that the state does not.
//!
//! Keys of the sidecar that another program wrote to are replaced: a value that is not a state counts as none, and an
//! index of another type is rebuilt.
//!
//! Record-only commits do not go through the script: a `GETRANGE` behind their `SETEX` shows whether the version is still
//! the expected one. A later end of the presence removes that record, too, since its `DEL` follows the new state.

mod commit;
mod connections;
mod decode;
mod health;
mod keys;
mod log;
mod ready;
mod reconcile;
mod reply;
mod rights;
pub mod state;

use std::time::Duration;

use ::redis::Pipeline;
use async_trait::async_trait;
use chrono_tz::Tz;

use self::connections::{LogConnection, Rights};
use self::decode::{decode_record, stored_user};
pub use self::health::Inspection;
use self::keys::Keys;
pub use self::keys::own_prefix;
use self::reply::CommitReply;
pub use self::rights::MissingRight;
use super::{
    ChangeCursor, Changes, Commit, Committed, Counts, LogIdentity, PageLimit, PresenceStore, Reconciled, Result,
    StoreDown, StoredUser,
};
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{HeldChange, Outbox, RecordLookup, Status, Timestamp};
use crate::queue;
use crate::storage::redis::{PipelineReply, RedisConnection};

/// How to reach Redis, and how Laravel uses it.
#[derive(Debug)]
pub struct Options {
    /// Address, credentials and the database of the sidecar's own keys.
    pub connection: ::redis::ConnectionInfo,
    /// The database of Laravel's cache records.
    pub cache_db: i64,
    /// Redis prefix and cache prefix, as Laravel puts them before a logical key.
    pub prefix: String,
    /// The application's time zone.
    pub zone: Tz,
    /// A command without a reply after this time fails.
    pub timeout: Duration,
    /// The queues that changes are pushed into.
    pub outbox: Outbox,
}

/// Presence in Redis 6.2 or later.
pub struct RedisStore {
    connection: RedisConnection,
    log: LogConnection,
    keys: Keys,
    databases: Option<(i64, i64)>,
    zone: Tz,
    outbox: Outbox,
    /// The key prefix of each queue of the outbox.
    queues: Vec<String>,
    scripts: Scripts,
    rights: Rights,
}

/// The hashes of the scripts.
struct Scripts {
    commit: String,
    held: String,
    claim: String,
    trim: String,
    reconcile: String,
}

/// The capacity that one user needs in a command.
const USER_BYTES: usize = 512;

impl RedisStore {
    /// A store that connects when it is first used, and again whenever the connection is lost.
    pub fn new(options: Options) -> Result<Self> {
        let own = options.connection.redis_settings().db();
        let log = LogConnection::new(options.connection.clone(), options.timeout)?;
        let mut connection = RedisConnection::new(options.connection, options.timeout)?;
        let keys = Keys::new(options.prefix);
        let mut script = |code: &str| connection.register_script(&format!("{}{code}", queue::redis::PUSH));
        let scripts = Scripts {
            commit: script(include_str!("commit.lua")),
            held: script(include_str!("held.lua")),
            claim: script(include_str!("claim.lua")),
            trim: script(include_str!("trim.lua")),
            reconcile: script(include_str!("reconcile.lua")),
        };
        Ok(Self {
            scripts,
            rights: Rights::default(),
            connection,
            log,
            databases: (own != options.cache_db).then_some((own, options.cache_db)),
            zone: options.zone,
            queues: options.outbox.queues.iter().map(|queue| queue::redis::keys(&keys.own, &queue.name)).collect(),
            outbox: options.outbox,
            keys,
        })
    }

    fn select_own_db(&self, pipeline: &mut Pipeline) {
        if let Some((own, _)) = self.databases {
            select(pipeline, own).ignore();
        }
    }

    fn select_cache_db(&self, pipeline: &mut Pipeline) {
        if let Some((_, cache)) = self.databases {
            select(pipeline, cache).ignore();
        }
    }
}

fn select(pipeline: &mut Pipeline, database: i64) -> &mut Pipeline {
    pipeline.cmd("SELECT").arg(database)
}

#[async_trait]
impl PresenceStore for RedisStore {
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        let mut pipeline = Pipeline::with_capacity(4);
        self.select_own_db(&mut pipeline);
        let states = pipeline.cmd("MGET");
        keys.iter().for_each(|key| _ = states.arg(self.keys.state(key)));
        self.select_cache_db(&mut pipeline);
        pipeline.add_command(self.get_records(keys.iter()));
        let (states, records): (Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>) = self.connection.read(&pipeline).await?;
        Ok(states
            .into_iter()
            .zip(records)
            .map(|(state, record)| stored_user(state, decode_record(record, now)))
            .collect())
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_cache_db(&mut pipeline);
        pipeline.add_command(self.get_records(keys.iter()));
        let (records,): (Vec<Option<Vec<u8>>>,) = self.connection.read(&pipeline).await?;
        Ok(records.into_iter().map(|record| decode_record(record, now)).collect())
    }

    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        let positions: Vec<usize> = self.outbox.debounced().map(|(position, _)| position).collect();
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.scripts.held).arg(1).arg(&self.keys.due).arg(positions.len());
        positions.iter().for_each(|position| _ = call.arg(&self.queues[*position]));
        keys.iter().for_each(|key| _ = call.arg(key.as_str()));
        let (lanes,): (Vec<Vec<(usize, String, Vec<u8>)>>,) = self.connection.read(&pipeline).await?;
        let held = |(number, id, payload): (usize, String, Vec<u8>)| {
            let position = number.checked_sub(1).and_then(|number| positions.get(number))?;
            Some(self.outbox.held(*position, id, &payload))
        };
        Ok(lanes.into_iter().map(|jobs| jobs.into_iter().filter_map(held).collect()).collect())
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        self.check_rights_once().await?;
        let sent = self.connection.send_each(&self.commit_pipeline(commits), reply::is_foreign_value).await;
        let PipelineReply { replies, retried } = sent.inspect_err(|error| self.rights.doubt(error))?;
        let reply = CommitReply::new(replies);
        let (record_only, full): (Vec<usize>, Vec<usize>) =
            (0..commits.len()).partition(|index| commits[*index].is_record_only());
        let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
        for (position, known) in reply.conflicts(full.len(), now)? {
            // The record found ahead of a pipeline that was sent twice may be the one that the pipeline put.
            let record = if retried { RecordLookup::Unknown } else { known.record };
            committed[full[position]] = Committed::Conflict(Box::new(StoredUser { record, ..known }));
        }
        let expected = record_only.iter().map(|index| commits[*index].expected);
        let outdated: Vec<usize> = reply.outdated(expected)?.map(|position| record_only[position]).collect();
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

    async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.scripts.claim).arg(1).arg(&self.keys.due);
        call.arg(now.millis()).arg(limit).arg(now.millis().saturating_add_unsigned(lease_ms));
        let (keys,): (Vec<String>,) = self.connection.read(&pipeline).await?;
        Ok(keys.iter().filter_map(|key| UserKey::parse(key)).collect())
    }

    async fn roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        pipeline.cmd("ZRANGE").arg(self.keys.roster(scope.as_str(), status)).arg(from).arg("+");
        pipeline.arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
        let (members,): (Vec<String>,) = self.connection.read(&pipeline).await?;
        Ok(members.iter().map(|member| UserKey::of_member(scope.as_str(), member)).collect())
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        let mut pipeline = Pipeline::with_capacity(1 + 2 * keys.len());
        self.select_own_db(&mut pipeline);
        for key in keys {
            for status in [Status::Online, Status::Away] {
                pipeline.cmd("ZSCORE").arg(self.keys.roster(key.scope(), status)).arg(key.member());
            }
        }
        let scores: Vec<Option<String>> = self.connection.read(&pipeline).await?;
        let status = |pair: &[Option<String>]| match pair {
            [Some(_), _] => Status::Online,
            [_, Some(_)] => Status::Away,
            _ => Status::Offline,
        };
        Ok(scores.chunks(2).map(status).collect())
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let mut pipeline = Pipeline::with_capacity(3);
        self.select_own_db(&mut pipeline);
        for status in [Status::Online, Status::Away] {
            pipeline.cmd("ZCARD").arg(self.keys.roster(scope.as_str(), status));
        }
        let (online, away) = self.connection.read(&pipeline).await?;
        Ok(Counts { online, away })
    }

    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.select_own_db(&mut pipeline);
        pipeline.cmd("ZSCAN").arg(&self.keys.due).arg(from).arg("COUNT").arg(limit);
        let ((next, keys),): ((u64, Vec<(String, String)>),) = self.connection.read(&pipeline).await?;
        let keys = keys.iter().filter_map(|(key, _due)| UserKey::parse(key)).collect();
        Ok((keys, (next != 0).then_some(next)))
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        self.read_page(after, limit).await
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        self.read_end().await
    }

    async fn log_identity(&self) -> Result<LogIdentity> {
        self.identify(self.log_time().await?).await
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        self.trim_log(before).await
    }

    async fn reconcile(&self, from: u64, now: Timestamp) -> Result<Reconciled> {
        self.reconcile_keys(from, now).await
    }

    async fn ready(&self) -> std::result::Result<(), StoreDown> {
        self.check_ready().await
    }

    async fn time(&self) -> Result<Timestamp> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("TIME");
        let ((seconds, micros),): ((i64, i64),) = self.connection.read(&pipeline).await?;
        let now = Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros));
        // A log without an identity is readable all the same.
        _ = self.identify(now).await;
        Ok(now)
    }
}
