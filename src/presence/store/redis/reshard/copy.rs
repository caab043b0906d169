//! Copies all keys to other shards. Each copy replaces what was copied before.

use ::redis::Cmd;

use super::keys::Kind;
use super::log::copy_log;
use super::queues::{copy_dead, copy_lanes};
use super::shards::{ShardKey, ShardSet, command, moved_id, one};
use crate::presence::domain::identity::UserKey;
use crate::presence::store::Result;
use crate::presence::store::redis::state::with_newest_change;

/// Copies everything.
pub(super) async fn copy(source: &ShardSet, target: &ShardSet, include_guard: bool) -> Result<()> {
    // What a move that was killed has left.
    target.remove_all().await?;
    source
        .each_page(async |keys| {
            let of_kind = |wanted: fn(&Kind<'_>) -> bool| -> Vec<ShardKey> {
                let is_wanted = |(_, name): &&ShardKey| Kind::of(name).as_ref().is_some_and(wanted);
                keys.iter().filter(is_wanted).cloned().collect()
            };
            copy_states(source, target, &of_kind(|kind| matches!(kind, Kind::State(_)))).await?;
            for key in of_kind(|kind| matches!(kind, Kind::Due)) {
                copy_members(source, target, &key, |user| target.shard_of(user)).await?;
            }
            for key in of_kind(|kind| matches!(kind, Kind::Roster(_))) {
                copy_roster(source, target, &key).await?;
            }
            copy_lanes(source, target, &of_kind(|kind| matches!(kind, Kind::Lane(..)))).await?;
            for key in of_kind(|kind| matches!(kind, Kind::Dead(_))) {
                copy_dead(source, target, &key).await?;
            }
            Ok(())
        })
        .await?;
    copy_log(source, target, include_guard).await
}

async fn copy_states(source: &ShardSet, target: &ShardSet, keys: &[ShardKey]) -> Result<()> {
    let reads = keys.iter().map(|(shard, name)| (*shard, one("GET", source.key(*shard, name))));
    let states: Vec<Option<Vec<u8>>> = source.call(reads.collect()).await?;
    let found = keys.iter().zip(states).filter_map(|(key, state)| Some((key, state?)));
    let writes = found.map(|((from, name), state)| {
        let shard = target.shard_of(user_of(name));
        let state = with_newest_change(&state, |newest| moved_id(source, *from, newest));
        (shard, command("SET", target.key(shard, name), &[&state]))
    });
    target.write(writes.collect()).await
}

/// The user of a state.
fn user_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, user)| user)
}

async fn copy_roster(source: &ShardSet, target: &ShardSet, key: &ShardKey) -> Result<()> {
    // "roster:online:" and the scope.
    let scope = key.1.splitn(3, ':').nth(2).unwrap_or_default().to_owned();
    copy_members(source, target, key, |member| target.shard_of(UserKey::of_member(&scope, member).as_str())).await
}

/// Copies a sorted set; its members go to the shards that `shard_of` names.
async fn copy_members(
    source: &ShardSet,
    target: &ShardSet,
    key: &ShardKey,
    shard_of: impl Fn(&str) -> usize,
) -> Result<()> {
    source
        .each_member(key, async |members| {
            let mut adds: Vec<Option<Cmd>> = (0..target.count_of_shards()).map(|_| None).collect();
            for (member, score) in members {
                let shard = shard_of(&member);
                adds[shard].get_or_insert_with(|| one("ZADD", target.key(shard, &key.1))).arg(score).arg(&member);
            }
            target.write(adds.into_iter().enumerate().filter_map(|(shard, add)| Some((shard, add?))).collect()).await
        })
        .await
}
