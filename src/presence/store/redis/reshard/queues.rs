//! Copies the jobs of queues; `queue/redis/push.lua` describes their keys.

use std::collections::HashMap;
use std::future::ready;

use ::redis::Cmd;
use futures_util::stream::{StreamExt, TryStreamExt, iter};

use super::keys::Kind;
use super::shards::{ShardKey, ShardSet, command, one, pages};
use crate::presence::store::Result;
use crate::queue::redis::lane_of;

/// How many lanes are copied at the same time.
const LANES: usize = 64;

/// Copies the jobs of lanes.
pub(super) async fn copy_lanes(source: &ShardSet, target: &ShardSet, lanes: &[ShardKey]) -> Result<()> {
    let copies = lanes.iter().filter_map(|(shard, name)| match Kind::of(name) {
        Some(Kind::Lane(queue, lane)) => Some(copy_lane(source, target, *shard, (queue, lane))),
        _ => None,
    });
    iter(copies).buffer_unordered(LANES).try_for_each(|()| ready(Ok(()))).await
}

async fn copy_lane(source: &ShardSet, target: &ShardSet, shard: usize, (queue, lane): (&str, &str)) -> Result<()> {
    let to = target.shard_of(lane);
    let [list, ready] = [format!("queue:{queue}:lane:{lane}"), format!("queue:{queue}:ready")];
    let mut range = one("LRANGE", source.key(shard, &list));
    range.arg(0).arg(-1);
    let ids: Vec<Vec<String>> = source.call(vec![(shard, range)]).await?;
    let ids = ids.concat();
    target.write(vec![(to, one("DEL", target.key(to, &list)))]).await?;
    for ids in pages(&ids) {
        let mut writes = copies_of_jobs(source, shard, (queue, "pending"), ids, |name| target.key(to, name)).await?;
        let mut push = one("RPUSH", target.key(to, &list));
        push.arg(ids);
        writes.push(push);
        target.write(writes.into_iter().map(|write| (to, write)).collect()).await?;
    }
    let mut score = one("ZSCORE", source.key(shard, &ready));
    score.arg(lane);
    let at: Vec<Option<String>> = source.call(vec![(shard, score)]).await?;
    // A lane without a time would never be handed out.
    let at = at.into_iter().flatten().next().unwrap_or_else(|| "0".to_owned());
    let add = command("ZADD", target.key(to, &ready), &[at.as_bytes(), lane.as_bytes()]);
    target.write(vec![(to, add)]).await
}

/// Copies the dead letters of a queue.
pub(super) async fn copy_dead(source: &ShardSet, target: &ShardSet, key: &ShardKey) -> Result<()> {
    let (shard, Some(Kind::Dead(queue))) = (key.0, Kind::of(&key.1)) else { return Ok(()) };
    source
        .each_member(key, async |members| {
            let ids: Vec<String> = members.into_iter().map(|(id, _)| id).collect();
            let jobs = format!("queue:{queue}:jobs");
            let values = ids.iter().map(|id| (shard, command("HGET", source.key(shard, &jobs), &[id.as_bytes()])));
            let values: Vec<Option<Vec<u8>>> = source.call(values.collect()).await?;
            let mut shards: HashMap<usize, Vec<String>> = HashMap::new();
            for (id, value) in ids.into_iter().zip(values) {
                let to = value.as_deref().and_then(lane_of).map_or(0, |lane| target.shard_of(lane));
                shards.entry(to).or_default().push(id);
            }
            for (to, ids) in shards {
                let writes = copies_of_jobs(source, shard, (queue, "dead"), &ids, |name| target.key(to, name)).await?;
                target.write(writes.into_iter().map(|write| (to, write)).collect()).await?;
            }
            Ok(())
        })
        .await
}

/// A job: its value, its attempts, and its place in the list of pending ones or of dead letters.
pub(super) type JobParts = [Option<Vec<u8>>; 3];

/// Reads jobs, each of a shard and a queue; `list` is that of pending ones or of dead letters.
pub(super) async fn read_jobs(source: &ShardSet, list: &str, jobs: &[(usize, &str, &str)]) -> Result<Vec<JobParts>> {
    let reads = jobs.iter().flat_map(|(shard, queue, id)| {
        [("HGET", "jobs"), ("HGET", "tries"), ("ZSCORE", list)].map(|(name, part)| {
            let key = source.key(*shard, &format!("queue:{queue}:{part}"));
            (*shard, command(name, key, &[id.as_bytes()]))
        })
    });
    let mut values = source.call(reads.collect()).await?.into_iter();
    let parts = jobs.iter().map(|_| [(); 3].map(|()| values.next().flatten()));
    Ok(parts.collect())
}

/// The commands that write jobs with their attempts, and their places in the list of pending ones or of dead letters.
async fn copies_of_jobs(
    source: &ShardSet,
    shard: usize,
    (queue, list): (&str, &str),
    ids: &[String],
    target: impl Fn(&str) -> String,
) -> Result<Vec<Cmd>> {
    let read: Vec<(usize, &str, &str)> = ids.iter().map(|id| (shard, queue, id.as_str())).collect();
    let parts = read_jobs(source, list, &read).await?;
    let [jobs, tries, list] = ["jobs", "tries", list].map(|part| format!("queue:{queue}:{part}"));
    let mut writes = Vec::with_capacity(3 * ids.len());
    for (id, [value, attempts, score]) in ids.iter().zip(parts) {
        let id = id.as_bytes();
        writes.extend(value.as_ref().map(|value| command("HSET", target(&jobs), &[id, value])));
        writes.extend(attempts.as_ref().map(|attempts| command("HSET", target(&tries), &[id, attempts])));
        writes.extend(score.as_ref().map(|score| command("ZADD", target(&list), &[score, id])));
    }
    Ok(writes)
}
