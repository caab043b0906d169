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
//!
//! Users are divided into shards. All of the sidecar's own keys of a user are in one shard, and so in one slot of a cluster;
//! one call of a script commits users of one shard. In a cluster Laravel's records are in slots of their own: see `steps`.

mod commit;
mod connections;
mod decode;
mod failing;
mod health;
mod keys;
mod log;
mod merge;
mod options;
mod ready;
mod reconcile;
mod reply;
mod reshard;
mod rights;
mod shard;
mod spread;
pub mod state;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, select_ok};

use self::failing::AllShards;
pub use self::health::Inspection;
use self::keys::Keys;
pub use self::keys::own_prefixes;
pub use self::options::Options;
pub use self::reshard::{AbortedMove, MoveOptions, MoveOutcome, MovePlan, MovedKeys, Resharder, UnknownKeys};
pub use self::rights::MissingRight;
use self::shard::Shard;
use super::{
    ChangeCursor, Changes, Commit, Committed, Counts, LogIdentity, PageLimit, PresenceStore, Reconciled, Result,
    StoreDown, StoredUser, UserPlace,
};
use crate::presence::domain::identity::{ScopeKey, UserKey};
use crate::presence::domain::{HeldChange, RecordLookup, Status, Timestamp};
use crate::storage::redis::{ShardLayout, shard_of};

/// Presence in Redis 6.2 or later.
pub struct RedisStore {
    shards: Vec<Shard>,
    layout: Arc<ShardLayout>,
    all: AllShards,
}

/// The capacity that one user needs in a command.
const USER_BYTES: usize = 512;

/// The pause between two registrations.
const REGISTRATION_INTERVAL: Duration = Duration::from_secs(10);

/// The pause after one that failed.
const REGISTRATION_RETRY: Duration = Duration::from_secs(1);

/// The bits of a position in a [scan](PresenceStore::scan) that are the cursor of a shard; those above are its number.
const CURSOR_BITS: u32 = 56;

impl RedisStore {
    /// A store that connects when it is first used, and again whenever the connection is lost.
    pub fn new(options: Options) -> Result<Self> {
        let mut shards: Vec<Shard> = Vec::with_capacity(options.shards);
        for own in own_prefixes(&options.prefix, options.shards) {
            shards.push(Shard::new(&options, Keys::new(options.prefix.clone(), own), shards.first())?);
        }
        let prefix = own_prefixes(&options.prefix, 1).concat();
        let layout = ShardLayout::new(options.servers, options.timeout, prefix, options.shards)?;
        Ok(Self { shards, layout: Arc::new(layout), all: AllShards::default() })
    }

    /// Checks what the user of Redis may do, and the number of shards; once each.
    async fn check_layout(&self) -> Result<()> {
        if !self.layout.is_checked() {
            self.shards[0].check_rights_once().await?;
        }
        self.layout.check().await
    }

    /// The number of shards, which queues in the same Redis share.
    pub fn layout(&self) -> Arc<ShardLayout> {
        self.layout.clone()
    }

    /// Registers this sidecar among those that run for half a minute, and gives the logs their identities.
    ///
    /// # Errors
    /// The user of Redis lacks rights, the number of shards is another one, keys are being moved, or Redis does not reply.
    pub async fn register(&self) -> Result<()> {
        if !self.layout.is_checked() {
            self.shards[0].check_rights_once().await?;
        }
        self.layout.register().await?;
        let now = self.shards[0].time().await?;
        // A log without an identity is readable all the same.
        _ = join_all(self.shards.iter().map(|shard| shard.identify(now))).await;
        Ok(())
    }

    /// Registers again before the registration ends; never returns. Commits notice the reason of one that fails.
    pub async fn keep_registered(&self) {
        loop {
            let is_registered = self.register().await.is_ok();
            tokio::time::sleep(if is_registered { REGISTRATION_INTERVAL } else { REGISTRATION_RETRY }).await;
        }
    }

    /// Ends the registration of this sidecar among those that run; others begin no move of keys while there is one.
    ///
    /// # Errors
    /// Redis does not reply.
    pub async fn leave(&self) -> Result<()> {
        self.layout.leave().await
    }

    fn shard(&self, key: &UserKey) -> &Shard {
        &self.shards[shard_of(key.as_str(), self.shards.len())]
    }

    /// The positions of `keys` by the numbers of their shards; empty ones are left out.
    fn by_shard<'a>(&self, keys: impl ExactSizeIterator<Item = &'a UserKey>) -> Vec<(usize, Vec<usize>)> {
        if self.shards.len() == 1 {
            return vec![(0, (0..keys.len()).collect())];
        }
        let mut groups: Vec<(usize, Vec<usize>)> = (0..self.shards.len()).map(|shard| (shard, Vec::new())).collect();
        for (position, key) in keys.enumerate() {
            groups[shard_of(key.as_str(), self.shards.len())].1.push(position);
        }
        groups.retain(|(_, positions)| !positions.is_empty());
        groups
    }

    /// The shard of a position, and the cursor in it.
    fn shard_at(&self, from: u64) -> (usize, u64) {
        let number = usize::try_from(from >> CURSOR_BITS).unwrap_or(usize::MAX);
        (number.min(self.shards.len() - 1), from & ((1 << CURSOR_BITS) - 1))
    }

    /// The position behind a step in the shard with this number: its next cursor, or the beginning of the next shard.
    fn position(&self, number: usize, next: Option<u64>) -> Option<u64> {
        match next {
            Some(cursor) => Some((number as u64) << CURSOR_BITS | cursor),
            None => (number + 1 < self.shards.len()).then_some((number as u64 + 1) << CURSOR_BITS),
        }
    }
}

#[async_trait]
impl PresenceStore for RedisStore {
    fn shards(&self) -> usize {
        self.shards.len()
    }

    fn shard_of(&self, key: &UserKey) -> usize {
        shard_of(key.as_str(), self.shards.len())
    }

    /// A connection waits until replicas have what was written over it: that is known of the writes of a shard only if they
    /// all go over one connection.
    fn committers(&self, threads: usize) -> usize {
        match self.shards[0].connection.confirmation() {
            Some(_) => self.shards.len(),
            None => self.shards.len().min(threads).max(1),
        }
    }

    fn servers(&self) -> Option<usize> {
        let connection = &self.shards[0].connection;
        connection.is_cluster().then(|| connection.servers())
    }

    fn place_of(&self, key: &UserKey) -> UserPlace {
        let Shard { connection, keys, .. } = self.shard(key);
        match connection.is_cluster() {
            true => UserPlace {
                state: connection.server_of(connection.slot()),
                record: connection.server_of(keys.record_slot(key)),
            },
            false => UserPlace::default(),
        }
    }

    async fn load(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<StoredUser>> {
        match self.shards.as_slice() {
            [only] if only.records.is_none() => only.load(keys, now).await,
            _ => self.load_from_shards(keys, now).await,
        }
    }

    async fn records(&self, keys: &[UserKey], now: Timestamp) -> Result<Vec<RecordLookup>> {
        self.read_records(keys, now).await
    }

    async fn held(&self, keys: &[UserKey]) -> Result<Vec<Vec<HeldChange>>> {
        self.read_held(keys).await
    }

    async fn commit(&self, commits: &[Commit], now: Timestamp) -> Result<Vec<Committed>> {
        self.check_layout().await?;
        match &self.shards[0].records {
            None => self.commit_on_one_server(commits, now).await,
            Some(records) => self.commit_in_cluster(records, commits, now).await,
        }
    }

    async fn claim_due(&self, shard: usize, now: Timestamp, limit: usize, lease_ms: u64) -> Result<Vec<UserKey>> {
        self.check_layout().await?;
        self.shards[shard].claim_due(now, limit, lease_ms).await
    }

    async fn roster(
        &self,
        scope: &ScopeKey,
        status: Status,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<UserKey>> {
        self.all.watch(self.read_roster(scope, status, after, limit).await)
    }

    async fn roster_status(&self, keys: &[UserKey]) -> Result<Vec<Status>> {
        self.read_roster_status(keys).await
    }

    async fn counts(&self, scope: &ScopeKey) -> Result<Counts> {
        self.all.watch(self.read_counts(scope).await)
    }

    async fn scan(&self, from: u64, limit: usize) -> Result<(Vec<UserKey>, Option<u64>)> {
        let (number, cursor) = self.shard_at(from);
        let (keys, next) = self.shards[number].scan(cursor, limit).await?;
        Ok((keys, self.position(number, next)))
    }

    async fn changes(&self, after: Option<ChangeCursor>, limit: PageLimit) -> Result<Changes> {
        self.all.watch(self.read_changes(after, limit).await)
    }

    async fn end_of_changes(&self) -> Result<ChangeCursor> {
        self.all.watch(self.read_end().await)
    }

    async fn log_identity(&self, shard: usize) -> Result<LogIdentity> {
        let shard = &self.shards[shard];
        shard.identify(shard.log_time().await?).await
    }

    async fn trim_changes(&self, before: Timestamp) -> Result<()> {
        join_all(self.shards.iter().map(|shard| shard.trim_log(before))).await.into_iter().collect()
    }

    async fn reconcile(&self, from: u64, now: Timestamp) -> Result<Reconciled> {
        let (number, cursor) = self.shard_at(from);
        let found = self.shards[number].reconcile_keys(cursor, now).await?;
        Ok(Reconciled { next: self.position(number, found.next), ..found })
    }

    /// The store is ready if one shard is: a replica that serves some users must not be taken out of service.
    async fn ready(&self) -> std::result::Result<(), StoreDown> {
        if let Err(error) = self.check_layout().await {
            let address = self.shards[0].connection.address();
            return Err(StoreDown { store: "redis", address, reason: error.reason() });
        }
        let checks = self.shards.iter().map(|shard| Box::pin(shard.check_ready()));
        select_ok(checks).await.map(|(ready, _)| ready)
    }

    async fn time(&self) -> Result<Timestamp> {
        self.shards[0].time().await
    }
}
