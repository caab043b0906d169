//! The store in Redis, shared by all replicas and with Laravel.
//!
//! A commit of any number of users is one pipeline: the `SETEX` of Laravel records that are written, one Lua call for
//! everything else, the `DEL` of records that go. The script compares versions, so that nothing happens twice. The order
//! matters to whoever looks in between: a present user's record is there before the state, and goes after it. A record
//! whose commit met a conflict is written again by the commit that follows; what it was before is read ahead of it, as
//! it may tell of heartbeats that the state does not.
//!
//! Keys of the sidecar's own that somebody else wrote to give way: what is no state counts as none, and an index of another
//! type is begun anew.
//!
//! Light commits are not the script's business: a `GETRANGE` behind their `SETEX` tells whether the version is still
//! the expected one. Whoever ends the user afterwards removes that record, too, since the `DEL` follows the new state.

mod health;
mod keys;
mod reply;
mod state;

use std::time::Duration;

use ::redis::{Cmd, Pipeline, Value};
use async_trait::async_trait;
use chrono_tz::Tz;
use uuid::Uuid;

use self::keys::Keys;
pub use self::keys::own_prefix;
use self::reply::CommitReply;
use super::outbox::{Outbox, OutboxQueue};
use super::{
    ChangeCursor, Changes, Commit, Committed, Counts, Page, PresenceStore, Result, StoredUser, outbox, record,
};
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{Change, RecordLookup, RecordWrite, Status, Timestamp};
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
    /// No answer after this long is a failure.
    pub timeout: Duration,
    /// Where changes go out to.
    pub outbox: Outbox,
}

/// Presence in Redis 6.2 or later.
pub struct RedisStore {
    link: RedisConnection,
    keys: Keys,
    databases: Option<(i64, i64)>,
    zone: Tz,
    installation: Uuid,
    outbox: Vec<EncodedOutbox>,
    commit: String,
    claim: String,
    trim: String,
}

/// An queue as each commit spells it out.
struct EncodedOutbox {
    /// What the keys of its queue begin with.
    queue: String,
    /// The events it wants.
    events: String,
    /// Milliseconds that it holds an offline.
    hold: String,
}

impl EncodedOutbox {
    fn new(keys: &Keys, queue: &OutboxQueue) -> Self {
        let events: Vec<_> = queue.events.iter().map(|event| event.as_str()).collect();
        Self {
            queue: queue::redis::keys(&keys.own, &queue.queue),
            events: events.join(" "),
            hold: queue.debounce.as_millis().to_string(),
        }
    }
}

/// Room for what one user adds to a command.
const USER_BYTES: usize = 512;

impl RedisStore {
    /// A store that connects when it is first used, and again whenever the connection is lost.
    pub fn new(options: Options) -> Result<Self> {
        let own = options.connection.redis_settings().db();
        let mut link = RedisConnection::new(options.connection, options.timeout)?;
        let keys = Keys::new(options.prefix);
        Ok(Self {
            commit: link.register_script(&format!("{}{}", queue::redis::PUSH, include_str!("commit.lua"))),
            claim: link.register_script(include_str!("claim.lua")),
            trim: link.register_script(include_str!("trim.lua")),
            link,
            databases: (own != options.cache_db).then_some((own, options.cache_db)),
            zone: options.zone,
            installation: options.outbox.installation,
            outbox: options.outbox.queues.iter().map(|queue| EncodedOutbox::new(&keys, queue)).collect(),
            keys,
        })
    }

    fn own(&self, pipeline: &mut Pipeline) {
        if let Some((own, _)) = self.databases {
            select(pipeline, own).ignore();
        }
    }

    fn cache(&self, pipeline: &mut Pipeline) {
        if let Some((_, cache)) = self.databases {
            select(pipeline, cache).ignore();
        }
    }

    fn commit_script(&self, commits: &[&Commit]) -> Cmd {
        let mut call = Cmd::with_capacity(8 + 4 * commits.len(), 256 + USER_BYTES * commits.len());
        call.arg("EVALSHA");
        let listed = commits.iter().filter(|commit| has_extras(commit)).count();
        call.arg(&self.commit).arg(2 + commits.len() + 2 * listed);
        call.arg(&self.keys.due).arg(&self.keys.changes);
        for commit in commits {
            call.arg(self.keys.state(&commit.key));
        }
        for commit in commits.iter().filter(|commit| has_extras(commit)) {
            for status in [Status::Online, Status::Away] {
                call.arg(self.keys.roster(commit.key.scope(), status));
            }
        }
        call.arg(commits.len()).arg(self.outbox.len());
        for EncodedOutbox { queue, events, hold } in &self.outbox {
            call.arg(queue).arg(events).arg(hold);
        }
        for commit in commits {
            self.write_entry(&mut call, commit);
        }
        call
    }

    fn write_entry(&self, call: &mut Cmd, commit: &Commit) {
        let decision = &commit.decision;
        call.arg(state::version(commit.expected));
        match &decision.state {
            Some(state) if decision.dirty => call.arg(state::encode(state)),
            Some(_) => call.arg(""),
            None => call.arg("-"),
        };
        if !has_extras(commit) {
            call.arg(0);
            return;
        }
        // Of somebody who is not remembered nobody knows on which list he may have been left.
        let moved = commit.roster_status != decision.status() || decision.state.is_none();
        call.arg(4 + 3 * decision.changes.len()).arg(commit.key.as_str()).arg(commit.key.member());
        match (&decision.state, decision.due) {
            (None, _) => call.arg("-"),
            (Some(_), Some(due)) => call.arg(due.millis()),
            (Some(_), None) => call.arg(""),
        };
        call.arg(if moved { decision.status().as_str() } else { "" });
        for change in &decision.changes {
            let id = change.id(&self.installation).to_string();
            call.arg(change.event().as_str()).arg(id).arg(outbox::json(change));
        }
    }

    fn commit_pipeline(&self, commits: &[Commit]) -> Pipeline {
        let (light, full): (Vec<&Commit>, Vec<&Commit>) = commits.iter().partition(|commit| commit.is_record_only());
        let (own, cache) = self.databases.unzip();
        let mut pipeline = Pipeline::with_capacity(2 * commits.len() + 6);
        cache.iter().for_each(|cache| _ = select(&mut pipeline, *cache));
        if !full.is_empty() {
            pipeline.add_command(self.get_records(full.iter().map(|commit| &commit.key)));
        }
        for commit in commits {
            self.put_record(&mut pipeline, commit);
        }
        own.iter().for_each(|own| _ = select(&mut pipeline, *own));
        for commit in light {
            let mut get = Cmd::with_capacity(4, 128);
            get.arg("GETRANGE").arg(self.keys.state(&commit.key)).arg(0).arg(state::VERSION - 1);
            pipeline.add_command(get);
        }
        if !full.is_empty() {
            pipeline.add_command(self.commit_script(&full));
        }
        let forgotten = commits.iter().filter(|commit| commit.decision.record == RecordWrite::Forget);
        if forgotten.clone().next().is_some() {
            cache.iter().for_each(|cache| _ = select(&mut pipeline, *cache));
        }
        for commit in forgotten {
            pipeline.cmd("DEL").arg(self.keys.record(&commit.key));
        }
        pipeline.ignore_errors();
        pipeline
    }

    fn get_records<'a>(&self, keys: impl ExactSizeIterator<Item = &'a UserKey>) -> Cmd {
        let mut get = Cmd::with_capacity(1 + keys.len(), 80 * keys.len());
        get.arg("MGET");
        keys.for_each(|key| _ = get.arg(self.keys.record(key)));
        get
    }

    fn put_record(&self, pipeline: &mut Pipeline, commit: &Commit) {
        if let RecordWrite::Put(record, seconds) = &commit.decision.record {
            let mut put = Cmd::with_capacity(4, USER_BYTES);
            put.arg("SETEX").arg(self.keys.record(&commit.key)).arg(*seconds).arg(record::encode(record, self.zone));
            pipeline.add_command(put);
        }
    }
}

fn select(pipeline: &mut Pipeline, database: i64) -> &mut Pipeline {
    pipeline.cmd("SELECT").arg(database)
}

fn has_extras(commit: &Commit) -> bool {
    let decision = &commit.decision;
    decision.due.is_some() || decision.state.is_none() || !decision.changes.is_empty()
}

fn observed(value: Option<Vec<u8>>, now: Timestamp) -> RecordLookup {
    value.map_or(RecordLookup::Missing, |bytes| record::decode(&bytes, now))
}

fn known(state: Option<Vec<u8>>, record: RecordLookup) -> StoredUser {
    let (version, state) = state::decode(&state.unwrap_or_default());
    StoredUser { version, state, record }
}

#[async_trait]
impl PresenceStore for RedisStore {
    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        let mut pipeline = Pipeline::with_capacity(4);
        self.own(&mut pipeline);
        let states = pipeline.cmd("MGET");
        keys.iter().for_each(|key| _ = states.arg(self.keys.state(key)));
        self.cache(&mut pipeline);
        pipeline.add_command(self.get_records(keys.iter()));
        let (states, records): (Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>) = self.link.read(&pipeline).await?;
        Ok(states.into_iter().zip(records).map(|(state, record)| known(state, observed(record, now))).collect())
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.cache(&mut pipeline);
        pipeline.add_command(self.get_records(keys.iter()));
        let (records,): (Vec<Option<Vec<u8>>>,) = self.link.read(&pipeline).await?;
        Ok(records.into_iter().map(|record| observed(record, now)).collect())
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        let PipelineReply { replies: answers, retried: twice } =
            self.link.send_each(&self.commit_pipeline(commits), reply::is_foreign).await?;
        let answers = CommitReply::of(answers);
        let (light, full): (Vec<usize>, Vec<usize>) =
            (0..commits.len()).partition(|index| commits[*index].is_record_only());
        let mut committed: Vec<Committed> = commits.iter().map(|_| Committed::Done).collect();
        for (place, known) in answers.conflicts(full.len(), now)? {
            // What was found ahead of a pipeline that was sent twice may be what it put itself.
            let record = if twice { RecordLookup::Unknown } else { known.record };
            committed[full[place]] = Committed::Conflict(Box::new(StoredUser { record, ..known }));
        }
        let expected = light.iter().map(|index| commits[*index].expected);
        let outdated: Vec<usize> = answers.outdated(expected)?.map(|place| light[place]).collect();
        if !outdated.is_empty() {
            let keys: Vec<UserKey> = outdated.iter().map(|index| commits[*index].key.clone()).collect();
            for (index, current) in outdated.into_iter().zip(self.load(&keys, now).await?) {
                // The record that was loaded is the one that was just written.
                committed[index] =
                    Committed::Conflict(Box::new(StoredUser { record: RecordLookup::Unknown, ..current }));
            }
        }
        Ok(committed)
    }

    async fn claim_due(&self, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.own(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.claim).arg(1).arg(&self.keys.due);
        call.arg(now.millis()).arg(limit).arg(now.millis().saturating_add_unsigned(lease_ms));
        let (keys,): (Vec<String>,) = self.link.read(&pipeline).await?;
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
        self.own(&mut pipeline);
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        pipeline.cmd("ZRANGE").arg(self.keys.roster(scope.as_str(), status)).arg(from).arg("+");
        pipeline.arg("BYLEX").arg("LIMIT").arg(0).arg(limit);
        let (members,): (Vec<String>,) = self.link.read(&pipeline).await?;
        Ok(members.iter().map(|member| UserKey::of_member(scope.as_str(), member)).collect())
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        let mut pipeline = Pipeline::with_capacity(1 + 2 * keys.len());
        self.own(&mut pipeline);
        for key in keys {
            for status in [Status::Online, Status::Away] {
                pipeline.cmd("ZSCORE").arg(self.keys.roster(key.scope(), status)).arg(key.member());
            }
        }
        let scores: Vec<Option<String>> = self.link.read(&pipeline).await?;
        let list = |pair: &[Option<String>]| match pair {
            [Some(_), _] => Status::Online,
            [_, Some(_)] => Status::Away,
            _ => Status::Offline,
        };
        Ok(scores.chunks(2).map(list).collect())
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        let mut pipeline = Pipeline::with_capacity(3);
        self.own(&mut pipeline);
        for status in [Status::Online, Status::Away] {
            pipeline.cmd("ZCARD").arg(self.keys.roster(scope.as_str(), status));
        }
        let (online, away) = self.link.read(&pipeline).await?;
        Ok(Counts { online, away })
    }

    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.own(&mut pipeline);
        pipeline.cmd("ZSCAN").arg(&self.keys.due).arg(from).arg("COUNT").arg(limit);
        let ((next, keys),): ((u64, Vec<(String, String)>),) = self.link.read(&pipeline).await?;
        let keys = keys.iter().filter_map(|(key, _due)| UserKey::parse(key)).collect();
        Ok((keys, (next != 0).then_some(next)))
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: usize) -> Result<Changes> {
        let mut pipeline = Pipeline::with_capacity(3);
        self.own(&mut pipeline);
        let from = after.map_or_else(|| "-".to_owned(), |after| format!("({after}"));
        pipeline.cmd("XRANGE").arg(&self.keys.changes).arg(from).arg("+").arg("COUNT").arg(limit);
        // Behind the entries: what is trimmed between the two reads must not go unnoticed.
        pipeline.cmd("GET").arg(&self.keys.trimmed);
        let (entries, trimmed): (Vec<(String, (String, Vec<u8>))>, Option<String>) = self.link.read(&pipeline).await?;
        let trimmed = cursor(trimmed.as_deref());
        if after.is_some_and(|after| after < trimmed) {
            return Ok(Changes::Trimmed(trimmed));
        }
        let (end, full) = (entries.last().and_then(|(id, _)| id.parse().ok()), entries.len() == limit);
        let entries = entries.iter().filter_map(|(id, (_, json))| Some((id.parse().ok()?, readable(id, json)?)));
        Ok(Changes::Page(Page { entries: entries.collect(), end, full }))
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        let mut pipeline = Pipeline::with_capacity(3);
        self.own(&mut pipeline);
        pipeline.cmd("XREVRANGE").arg(&self.keys.changes).arg("+").arg("-").arg("COUNT").arg(1);
        pipeline.cmd("GET").arg(&self.keys.trimmed);
        let (last, trimmed): (Vec<(String, Value)>, Option<String>) = self.link.read(&pipeline).await?;
        Ok(cursor(last.first().map(|(id, _)| id.as_str())).max(cursor(trimmed.as_deref())))
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.own(&mut pipeline);
        let call = pipeline.cmd("EVALSHA").arg(&self.trim).arg(2).arg(&self.keys.changes).arg(&self.keys.trimmed);
        call.arg(before.millis().max(0));
        self.outbox.iter().for_each(|queue| _ = call.arg(&queue.queue));
        call.ignore();
        self.link.read(&pipeline).await
    }

    async fn ready(&self) -> Result<()> {
        let mut pipeline = Pipeline::with_capacity(2);
        self.own(&mut pipeline);
        pipeline.cmd("SETEX").arg(&self.keys.ready).arg(1).arg("").ignore();
        self.link.read(&pipeline).await
    }

    async fn time(&self) -> Result<Timestamp> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.cmd("TIME");
        let ((seconds, micros),): ((i64, i64),) = self.link.read(&pipeline).await?;
        Ok(Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros)))
    }
}

fn cursor(id: Option<&str>) -> ChangeCursor {
    id.and_then(|id| id.parse().ok()).unwrap_or(ChangeCursor::START)
}

fn readable(id: &str, json: &[u8]) -> Option<Change> {
    serde_json::from_slice(json)
        .inspect_err(|error| tracing::error!(%error, id, "an entry of the change log is unreadable and is left out"))
        .ok()
}
