//! The parts of a commit: Laravel records, the versions of record-only commits, and the scripts for all others.

use ::redis::{Cmd, Pipeline};

use super::shard::{Shard, select};
use super::{USER_BYTES, state};
use crate::presence::domain::identity::UserKey;
use crate::presence::domain::{Decision, OutboxPlan, RecordWrite, Status};
use crate::presence::store::{Commit, record};

/// Commits of users whose states are on one server, by their kinds and shards.
pub(super) struct CommitGroups<'a> {
    commits: &'a [Commit],
    /// The positions of the commits that write the record alone, with their shards.
    record_only: Vec<(&'a Shard, usize)>,
    /// The positions of all others, by shard.
    full: Vec<(&'a Shard, Vec<usize>)>,
}

impl<'a> CommitGroups<'a> {
    /// The batch of `commits`, whose positions are divided `by_shard`.
    pub(super) fn new(commits: &'a [Commit], by_shard: impl Iterator<Item = (&'a Shard, Vec<usize>)>) -> Self {
        let (mut record_only, mut full) = (Vec::with_capacity(commits.len()), Vec::new());
        for (shard, mut positions) in by_shard {
            positions.retain(|position| {
                let is_record_only = commits[*position].is_record_only();
                if is_record_only {
                    record_only.push((shard, *position));
                }
                !is_record_only
            });
            if !positions.is_empty() {
                full.push((shard, positions));
            }
        }
        Self { commits, record_only, full }
    }

    /// The positions of the commits that write the record alone, and the versions that they expect.
    pub(super) fn record_only(&self) -> impl ExactSizeIterator<Item = (usize, u64)> {
        self.record_only.iter().map(|(_, position)| (*position, self.commits[*position].expected))
    }

    /// The commands that read their versions, with their shards.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&'a Shard, Cmd)> {
        self.record_only.iter().map(|(shard, position)| (*shard, shard.get_version(&self.commits[*position])))
    }

    /// The positions of all other commits, in the order in which the scripts have them.
    pub(super) fn full(&self) -> impl Iterator<Item = usize> {
        self.full.iter().flat_map(|(_, positions)| positions).copied()
    }

    /// The commits of each script, by their positions, with their shards.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (&'a Shard, Vec<&'a Commit>)> {
        let commits = |positions: &[usize]| positions.iter().map(|position| &self.commits[*position]).collect();
        self.full.iter().map(move |(shard, positions)| (*shard, commits(positions)))
    }

    /// The number of commits of each script.
    pub(super) fn script_sizes(&self) -> impl ExactSizeIterator<Item = usize> {
        self.full.iter().map(|(_, positions)| positions.len())
    }

    /// The pipeline, which any connection to the server of `any` takes.
    pub(super) fn pipeline(&self, any: &Shard) -> Pipeline {
        let (own, cache) = any.databases.unzip();
        let mut pipeline = Pipeline::with_capacity(2 * self.commits.len() + self.full.len() + 6);
        cache.iter().for_each(|cache| _ = select(&mut pipeline, *cache));
        let full: Vec<usize> = self.full().collect();
        if !full.is_empty() {
            pipeline.add_command(any.get_records(full.iter().map(|position| &self.commits[*position].key)));
        }
        for commit in self.commits {
            any.put_record(&mut pipeline, commit);
        }
        own.iter().for_each(|own| _ = select(&mut pipeline, *own));
        self.versions().for_each(|(_, version)| _ = pipeline.add_command(version));
        for (shard, commits) in self.scripts() {
            pipeline.add_command(shard.commit_script(&commits));
        }
        let forgotten = self.commits.iter().filter(|commit| commit.decision.record == RecordWrite::Forget);
        if forgotten.clone().next().is_some() {
            cache.iter().for_each(|cache| _ = select(&mut pipeline, *cache));
        }
        for commit in forgotten {
            pipeline.cmd("DEL").arg(any.keys.record(&commit.key));
        }
        pipeline.ignore_errors();
        pipeline
    }
}

impl Shard {
    pub(super) fn get_records<'a>(&self, keys: impl ExactSizeIterator<Item = &'a UserKey>) -> Cmd {
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

    /// Reads the stored version of a user.
    pub(super) fn get_version(&self, commit: &Commit) -> Cmd {
        let mut get = Cmd::with_capacity(4, 128);
        get.arg("GETRANGE").arg(self.keys.state(&commit.key)).arg(0).arg(state::VERSION - 1);
        get
    }

    pub(super) fn commit_script(&self, commits: &[&Commit]) -> Cmd {
        let mut call = Cmd::with_capacity(8 + 4 * commits.len(), 256 + USER_BYTES * commits.len());
        call.arg("EVALSHA");
        let indexed = commits.iter().filter(|commit| updates_indexes(commit)).count();
        call.arg(&self.scripts.commit).arg(self.declared(2 + commits.len() + 2 * indexed));
        call.arg(&self.keys.due).arg(&self.keys.changes);
        for commit in commits {
            call.arg(self.keys.state(&commit.key));
        }
        for commit in commits.iter().filter(|commit| updates_indexes(commit)) {
            for status in [Status::Online, Status::Away] {
                call.arg(self.keys.roster(commit.key.scope(), status));
            }
        }
        call.arg(self.guard()).arg(commits.len()).arg(self.queues.len());
        call.arg(if commits.iter().any(|commit| puts_online_record(commit)) { "" } else { "1" });
        self.queues.iter().for_each(|queue| _ = call.arg(queue));
        for commit in commits {
            write_entry(&mut call, commit);
        }
        call
    }
}

/// Whether a commit puts the record of a user who is online. A full Redis refuses that, so it must refuse the state, too.
/// All other commits record who is away or gone, and free memory in the end.
fn puts_online_record(commit: &Commit) -> bool {
    matches!(commit.decision.record, RecordWrite::Put(..)) && commit.decision.status() == Status::Online
}

/// Whether a commit updates due times, rosters, the change log or the outbox: the extras of its entry.
fn updates_indexes(commit: &Commit) -> bool {
    let decision = &commit.decision;
    decision.due.is_some() || decision.state.is_none() || !decision.changes.is_empty()
}

/// Adds the arguments of an entry, as commit.lua describes them.
fn write_entry(call: &mut Cmd, commit: &Commit) {
    let decision = &commit.decision;
    call.arg(state::version(commit.expected));
    match &decision.state {
        Some(state) if decision.dirty => call.arg(state::encode(state)),
        Some(_) => call.arg(""),
        None => call.arg("-"),
    };
    if !updates_indexes(commit) {
        call.arg(0);
        return;
    }
    let OutboxPlan { retractions, pushes } = &commit.outbox;
    // The roster of a user who is not remembered is not known, so the user is removed from both.
    let is_moved = commit.roster_status != decision.status() || decision.state.is_none();
    call.arg(6 + 3 * decision.changes.len() + 2 * retractions.len() + 4 * pushes.len());
    call.arg(commit.key.as_str()).arg(commit.key.member());
    match (&decision.state, decision.due) {
        (None, _) => call.arg("-"),
        (Some(_), Some(due)) => call.arg(due.millis()),
        (Some(_), None) => call.arg(""),
    };
    call.arg(if is_moved { decision.status().as_str() } else { "" });
    write_changes(call, decision);
    write_outbox(call, &commit.outbox);
}

fn write_changes(call: &mut Cmd, decision: &Decision) {
    call.arg(decision.changes.len());
    for change in &decision.changes {
        let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
        let id: &str = change.id.hyphenated().encode_lower(&mut id);
        call.arg(if change.is_heartbeat { "" } else { "1" }).arg(id).arg(change.encode());
    }
}

/// Numbers of queues and changes count from 1, as Lua does.
fn write_outbox(call: &mut Cmd, OutboxPlan { retractions, pushes }: &OutboxPlan) {
    call.arg(retractions.len());
    for retraction in retractions {
        call.arg(1 + retraction.queue).arg(&retraction.id);
    }
    for push in pushes {
        let delay = u64::try_from(push.delay.as_millis()).unwrap_or(u64::MAX);
        call.arg(1 + push.queue).arg(1 + push.change).arg(delay).arg(if push.only_if_idle { "1" } else { "" });
    }
}
