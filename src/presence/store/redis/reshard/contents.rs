//! What the keys contain, whatever shards they are in: all that is copied is compared before anything is removed.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash};

use ::redis::Cmd;
use foldhash::fast::RandomState;

use super::keys::Kind;
use super::log::Reader;
use super::moved::MovedKeys;
use super::queues::read_jobs;
use super::shards::{PAGE, ShardKey, ShardSet, moved_id, one, pages};
use crate::presence::store::Result;
use crate::presence::store::redis::state::with_newest_change;
use crate::storage::Unavailable;

/// The contents of the keys of some shards.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// The numbers of things.
    pub(super) counts: MovedKeys,
    /// The sum of the hashes of all things; a thing is hashed with its name, and not with its shard.
    digest: u64,
}

/// Reads the contents of shards.
struct ContentsReader<'a> {
    set: &'a ShardSet,
    hasher: &'a RandomState,
    /// Whether ids of the change log count as what they become by the move.
    is_source: bool,
    read: Contents,
}

/// What the keys of some shards have.
pub(super) async fn count(set: &ShardSet) -> Result<MovedKeys> {
    contents(set, &RandomState::default(), false).await.map(|contents| contents.counts)
}

/// Compares the contents of what was copied with those of the copies.
///
/// # Errors
/// They differ, or Redis does not reply.
pub(super) async fn compare(source: &ShardSet, target: &ShardSet) -> Result<MovedKeys> {
    let hasher = RandomState::default();
    let before = contents(source, &hasher, true).await?;
    let copied = contents(target, &hasher, false).await?;
    if before == copied {
        return Ok(copied.counts);
    }
    let found = match before.counts == copied.counts {
        true => format!("there are {}, and the copies have other values", before.counts),
        false => format!("there are {}, but the copies are {}", before.counts, copied.counts),
    };
    Err(Unavailable::new(format!(
        "{found}: something wrote meanwhile; stop all sidecars, those of release 0.1.0, too, and begin again"
    )))
}

async fn contents(set: &ShardSet, hasher: &RandomState, is_source: bool) -> Result<Contents> {
    let mut reader = ContentsReader { set, hasher, is_source, read: Contents::default() };
    // Hashes alone, since there are many keys; a page may repeat keys of another one.
    let mut seen = HashSet::new();
    set.each_page(async |keys| {
        let keys: Vec<ShardKey> = keys.into_iter().filter(|key| seen.insert(hasher.hash_one(key))).collect();
        reader.read_page(&keys).await
    })
    .await?;
    for shard in 0..set.count_of_shards() {
        reader.read_log(shard).await?;
    }
    Ok(reader.read)
}

impl ContentsReader<'_> {
    fn add(&mut self, kind: Kind<'_>, thing: impl Hash) {
        self.read.counts.add(kind);
        self.read.digest = self.read.digest.wrapping_add(self.hasher.hash_one(thing));
    }

    async fn read_page(&mut self, keys: &[ShardKey]) -> Result<()> {
        let named = |wanted: fn(&Kind<'_>) -> bool| -> Vec<&ShardKey> {
            keys.iter().filter(|(_, name)| Kind::of(name).as_ref().is_some_and(wanted)).collect()
        };
        self.read_states(&named(|kind| matches!(kind, Kind::State(_)))).await?;
        for key in named(|kind| matches!(kind, Kind::Due | Kind::Roster(_) | Kind::Dead(_))) {
            self.read_members(key).await?;
        }
        self.read_lanes(&named(|kind| matches!(kind, Kind::Lane(..)))).await
    }

    async fn read_states(&mut self, keys: &[&ShardKey]) -> Result<()> {
        let reads = keys.iter().map(|(shard, name)| (*shard, one("GET", self.set.key(*shard, name))));
        let states: Vec<Option<Vec<u8>>> = self.set.call(reads.collect()).await?;
        for ((shard, name), state) in keys.iter().zip(states) {
            let state = state.map(|state| match self.is_source {
                true => with_newest_change(&state, |newest| moved_id(self.set, *shard, newest)),
                false => state,
            });
            self.add(Kind::State(name), (name, state));
        }
        Ok(())
    }

    async fn read_lists(&self, keys: &[&ShardKey]) -> Result<Vec<Vec<String>>> {
        let range = |(shard, name): &&ShardKey| {
            let mut range = one("LRANGE", self.set.key(*shard, name));
            range.arg(0).arg(-1);
            (*shard, range)
        };
        self.set.call(keys.iter().map(range).collect()).await
    }

    /// Reads a sorted set, and the jobs that it has if they are dead letters.
    async fn read_members(&mut self, (shard, name): &ShardKey) -> Result<()> {
        let Some(kind) = Kind::of(name) else { return Ok(()) };
        let mut from = 0;
        loop {
            let mut range = one("ZRANGE", self.set.key(*shard, name));
            range.arg(from).arg(from + PAGE - 1).arg("WITHSCORES");
            let members: Vec<Vec<(String, String)>> = self.set.call(vec![(*shard, range)]).await?;
            let members = members.concat();
            if let Kind::Dead(queue) = kind {
                let jobs: Vec<(usize, &str, &str)> =
                    members.iter().map(|(id, _)| (*shard, queue, id.as_str())).collect();
                for (job, parts) in jobs.iter().zip(read_jobs(self.set, "dead", &jobs).await?) {
                    self.add(kind, (name, job.2, parts));
                }
            } else {
                members.iter().for_each(|member| self.add(kind, (name, member)));
            }
            if members.len() < PAGE {
                return Ok(());
            }
            from += PAGE;
        }
    }

    /// Reads lanes: when each is handed out, and its jobs in their order.
    async fn read_lanes(&mut self, keys: &[&ShardKey]) -> Result<()> {
        let lanes: Vec<(usize, &str, &str)> = keys
            .iter()
            .filter_map(|(shard, name)| match Kind::of(name) {
                Some(Kind::Lane(queue, lane)) => Some((*shard, queue, lane)),
                _ => None,
            })
            .collect();
        let ids = self.read_lists(keys).await?;
        let score = |(shard, queue, lane): &(usize, &str, &str)| -> (usize, Cmd) {
            let mut score = one("ZSCORE", self.set.key(*shard, &format!("queue:{queue}:ready")));
            score.arg(lane);
            (*shard, score)
        };
        let times: Vec<Option<String>> = self.set.call(lanes.iter().map(score).collect()).await?;
        for ((_, queue, lane), at) in lanes.iter().zip(times) {
            // The copy of a lane without a time is handed out at once.
            let at = at.unwrap_or_else(|| "0".to_owned());
            self.read.digest = self.read.digest.wrapping_add(self.hasher.hash_one((queue, lane, at)));
        }
        let jobs: Vec<(usize, &str, &str)> = lanes
            .iter()
            .zip(&ids)
            .flat_map(|((shard, queue, _), ids)| ids.iter().map(|id| (*shard, *queue, id.as_str())))
            .collect();
        let mut places = ids.iter().enumerate().flat_map(|(lane, ids)| (0..ids.len()).map(move |place| (lane, place)));
        for jobs in pages(&jobs) {
            for ((_, queue, id), parts) in jobs.iter().zip(read_jobs(self.set, "pending", jobs).await?) {
                let Some((number, place)) = places.next() else { continue };
                let (_, _, lane) = lanes[number];
                self.add(Kind::Lane(queue, lane), (queue, lane, place, id, parts));
            }
        }
        Ok(())
    }

    async fn read_log(&mut self, shard: usize) -> Result<()> {
        let mut log = Reader::new(shard);
        while let Some(entry) = log.next(self.set).await? {
            let entry = if self.is_source { entry.moved(self.set, shard) } else { entry };
            self.add(Kind::Changes, entry);
        }
        Ok(())
    }
}
