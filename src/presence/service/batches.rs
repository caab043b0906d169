//! The tasks that process calls in batches: one for each operation, and for commits [several](PresenceStore::committers), as
//! far as there are threads to run them at the same time. A batch of several shards on one server is one pipeline.
//!
//! A batch waits for the servers of all its users. So where users are spread over several servers, as in a cluster, there are
//! such tasks for each [place](UserPlace): a server that does not reply fails the calls for its own users, and delays no
//! others. The more places there are, the fewer tasks each has, since more and smaller batches cost more.

use std::borrow::Borrow;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;
use futures_util::future::try_join_all;
use indexmap::IndexMap;
use tokio::runtime::Handle;

use super::commit::{CommandOutcome, CommitContext, Committer, PresenceCommand};
use super::loads::run_load_batches;
use super::places::{PlaceTasks, Tasks};
use super::read_many::{BatchReader, UserQuery, UserViews};
use crate::presence::domain::identity::{Id, UserKey};
use crate::presence::store::{PresenceStore, Result, StoredUser, UserPlace};
use crate::storage::batch::{BatchSender, NamedTasks, batch_channel};

/// The calls that are processed in batches.
pub(super) enum Batches {
    /// All users are in one place.
    Shards(ShardBatches),
    /// Users are spread over several servers.
    Places(PlaceBatches),
}

pub(super) struct ShardBatches {
    store: Arc<dyn PresenceStore>,
    /// Each commits the users of one or more shards.
    commits: Vec<BatchSender<PresenceCommand, CommandOutcome>>,
    loads: BatchSender<UserKey, StoredUser>,
    reads: BatchSender<UserQuery, UserViews>,
}

pub(super) struct PlaceBatches {
    store: Arc<dyn PresenceStore>,
    /// The number of threads.
    workers: usize,
    /// By the number of the task among those of the place.
    commits: PlaceTasks<(usize, UserPlace), PresenceCommand, CommandOutcome>,
    loads: PlaceTasks<UserPlace, UserKey, StoredUser>,
    /// By the server of the records, which alone are read.
    reads: PlaceTasks<u32, UserQuery, UserViews>,
}

impl Batches {
    /// The calls, and the tasks that process them until this is dropped.
    pub(super) fn new(context: &CommitContext) -> (Self, NamedTasks) {
        match context.store.servers() {
            None => {
                let (shards, workers) = ShardBatches::new(context);
                (Self::Shards(shards), workers)
            }
            Some(_) => {
                let (places, tasks) = PlaceBatches::new(context);
                (Self::Places(places), vec![("places", Box::pin(tasks.run()))])
            }
        }
    }

    pub(super) async fn commit(&self, command: PresenceCommand) -> Result<CommandOutcome> {
        match self {
            Self::Shards(shards) => shards.commits[shards.committer_of(&command)].call(command).await,
            Self::Places(places) => places.committer(&places.group_of(&command)).call(command).await,
        }
    }

    pub(super) async fn commit_all(&self, commands: Vec<PresenceCommand>) -> Result<Vec<CommandOutcome>> {
        match self {
            Self::Shards(shards) => match shards.commits.as_slice() {
                [only] => only.call_all(commands).await,
                several => call_groups(commands, |command| shards.committer_of(command), |one| &several[*one]).await,
            },
            Self::Places(places) => {
                call_groups(commands, |command| places.group_of(command), |group| places.committer(group)).await
            }
        }
    }

    pub(super) async fn load(&self, key: UserKey) -> Result<StoredUser> {
        match self {
            Self::Shards(shards) => shards.loads.call(key).await,
            Self::Places(places) => places.loads.at(places.store.place_of(&key)).call(key).await,
        }
    }

    pub(super) async fn read(&self, query: UserQuery) -> Result<UserViews> {
        match self {
            Self::Shards(shards) => shards.reads.call(query).await,
            Self::Places(places) => places.read(query).await,
        }
    }
}

impl ShardBatches {
    fn new(context: &CommitContext) -> (Self, NamedTasks) {
        let (loads, load_receiver) = batch_channel();
        let (reads, read_receiver) = batch_channel();
        let store = context.store.clone();
        let loader = run_load_batches(store.clone(), context.clock.clone(), load_receiver);
        let reader = BatchReader::new(context).run(read_receiver);
        let mut workers: NamedTasks = vec![("loads", Box::pin(loader)), ("reads", Box::pin(reader))];
        let count = store.committers(Handle::current().metrics().num_workers());
        let committers = (0..count).map(|_| {
            let (commits, receiver) = batch_channel();
            workers.push(("commits", Box::pin(Committer::new(context.clone(), count).run(receiver))));
            commits
        });
        let commits = committers.collect();
        (Self { store, commits, loads, reads }, workers)
    }

    /// The number of the committer of a user.
    fn committer_of(&self, command: &PresenceCommand) -> usize {
        match self.commits.len() {
            1 => 0,
            count => self.store.shard_of(&command.subject.key) % count,
        }
    }
}

impl PlaceBatches {
    fn new(context: &CommitContext) -> (Self, Tasks) {
        let (starter, tasks) = Tasks::new();
        let store = context.store.clone();
        let (committing, workers) = (context.clone(), Handle::current().metrics().num_workers());
        let commits = PlaceTasks::new(starter.clone(), move |receiver| {
            let store = committing.store.as_ref();
            // The states of a shard are on one server.
            let most = store.shards() * store.servers().unwrap_or(1);
            let committers = (committers_of_place(store, workers) * places(store)).min(most);
            Box::pin(Committer::new(committing.clone(), committers).run(receiver))
        });
        let (loaded, clock) = (store.clone(), context.clock.clone());
        let loads = PlaceTasks::new(starter.clone(), move |receiver| {
            Box::pin(run_load_batches(loaded.clone(), clock.clone(), receiver))
        });
        let read = context.clone();
        let reads = PlaceTasks::new(starter, move |receiver| Box::pin(BatchReader::new(&read).run(receiver)));
        (Self { store, workers, commits, loads, reads }, tasks)
    }

    fn group_of(&self, command: &PresenceCommand) -> (usize, UserPlace) {
        let key = &command.subject.key;
        let committers = committers_of_place(self.store.as_ref(), self.workers);
        (self.store.shard_of(key) % committers, self.store.place_of(key))
    }

    fn committer(&self, group: &(usize, UserPlace)) -> Arc<BatchSender<PresenceCommand, CommandOutcome>> {
        self.commits.at(*group)
    }

    async fn read(&self, UserQuery { scope, users }: UserQuery) -> Result<UserViews> {
        let mut groups: IndexMap<u32, (Vec<usize>, Vec<Id>), RandomState> = IndexMap::default();
        for (position, user) in users.into_iter().enumerate() {
            let (positions, users) = groups.entry(self.store.place_of(&scope.user(&user)).record).or_default();
            positions.push(position);
            users.push(user);
        }
        let calls = groups.into_iter().map(|(server, (positions, users))| {
            let query = UserQuery { scope: scope.clone(), users };
            async move { self.reads.at(server).call(query).await.map(|views| (positions, views)) }
        });
        try_join_all(calls).await.map(UserViews::join)
    }
}

/// The number of places: states and records may be on any server.
fn places(store: &dyn PresenceStore) -> usize {
    store.servers().unwrap_or(1).pow(2)
}

/// How many committers each place needs so that all places together keep this number of threads busy.
fn committers_of_place(store: &dyn PresenceStore, workers: usize) -> usize {
    store.committers(workers.div_ceil(places(store)))
}

/// Calls the task of each group at the same time; the replies are in the order of `payloads`.
async fn call_groups<K: Hash + Eq, Q, A, S: Borrow<BatchSender<Q, A>>>(
    payloads: Vec<Q>,
    group_of: impl Fn(&Q) -> K,
    sender_of: impl Fn(&K) -> S,
) -> Result<Vec<A>> {
    let mut groups: IndexMap<K, (Vec<usize>, Vec<Q>), RandomState> = IndexMap::default();
    for (position, payload) in payloads.into_iter().enumerate() {
        let (positions, group) = groups.entry(group_of(&payload)).or_default();
        positions.push(position);
        group.push(payload);
    }
    let calls = groups.into_iter().map(|(group, (positions, payloads))| {
        let sender = sender_of(&group);
        async move { sender.borrow().call_all(payloads).await.map(|replies| positions.into_iter().zip(replies)) }
    });
    let mut placed: Vec<(usize, A)> = try_join_all(calls).await?.into_iter().flatten().collect();
    placed.sort_unstable_by_key(|(position, _)| *position);
    Ok(placed.into_iter().map(|(_, reply)| reply).collect())
}
