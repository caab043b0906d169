//! Fan-outs of several lanes, stored in groups.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Publisher;
use super::fanout::{CHUNK_BYTES, Fanout, Skipped};
use crate::messaging::domain::{ClientId, MessageTime};
use crate::messaging::store::MAX_GROUP_RECIPIENTS;

/// The chunks of a lane that were not stored yet, and the number of its stored fan-outs.
struct Lane<'a> {
    chunks: VecDeque<Chunk<'a>>,
    stored: usize,
}

/// A chunk of the recipients of a fan-out.
struct Chunk<'a> {
    fanout: &'a Fanout,
    key: String,
    recipients: &'a [ClientId],
    /// The number of fan-outs of the lane that are stored with this chunk.
    completes: usize,
}

impl<'a> Lane<'a> {
    fn new(fanouts: &'a [Fanout]) -> Self {
        let mut chunks = VecDeque::new();
        let mut stored = 0;
        for (position, fanout) in fanouts.iter().enumerate() {
            let of_fanout =
                fanout.chunks().map(|(key, recipients)| Chunk { fanout, key, recipients, completes: position });
            chunks.extend(of_fanout);
            match chunks.back_mut() {
                Some(last) => last.completes = position + 1,
                None => stored = position + 1,
            }
        }
        Self { chunks, stored }
    }
}

impl Chunk<'_> {
    fn bytes(&self) -> usize {
        self.fanout.payload.len() * self.recipients.len()
    }
}

impl Publisher {
    /// Stores the fan-outs of several lanes, in the order of each lane and many with one commit. Returns for each lane the
    /// number of its first fan-outs that were stored: those behind it were not tried, could not be stored in a group, or
    /// `time` was over.
    pub async fn fan_out_lanes(&self, lanes: &[Vec<Fanout>], time: Duration) -> Vec<usize> {
        let started = Instant::now();
        let mut lanes: Vec<Lane<'_>> = lanes.iter().map(|fanouts| Lane::new(fanouts)).collect();
        while started.elapsed() < time {
            let group = take_group(&mut lanes);
            if group.is_empty() || !self.store_group(&mut lanes, &group).await {
                break;
            }
        }
        lanes.iter().map(|lane| lane.stored).collect()
    }

    /// Stores a group of chunks, each with the position of its lane. Returns false if the database failed.
    async fn store_group(&self, lanes: &mut [Lane<'_>], group: &[(usize, Chunk<'_>)]) -> bool {
        let context = &self.context;
        let write = |now: MessageTime| async move {
            let mut writes = Vec::with_capacity(group.len());
            for (lane, chunk) in group {
                writes.push(chunk.fanout.grouped(context, (&chunk.key, chunk.recipients), *lane, &now));
            }
            context.write_group(&writes, &now.stored).await
        };
        let results = match context.at_now(write).await {
            Ok(results) => results,
            Err(error) => {
                tracing::debug!(error = error.chain(), "a group of fan-outs was not stored");
                return false;
            }
        };
        let mut skipped = Skipped::default();
        for ((lane, chunk), result) in group.iter().zip(results) {
            match result {
                Some(result) => {
                    skipped.count(chunk.recipients.len(), result);
                    lanes[*lane].stored = chunk.completes;
                }
                None => lanes[*lane].chunks.clear(),
            }
        }
        skipped.log();
        true
    }
}

/// Takes the next chunks of all lanes in turn, as many as fit into a group.
fn take_group<'a>(lanes: &mut [Lane<'a>]) -> Vec<(usize, Chunk<'a>)> {
    let (mut group, mut recipients, mut bytes) = (Vec::new(), 0, 0);
    loop {
        let before = group.len();
        for (position, lane) in lanes.iter_mut().enumerate() {
            let Some(next) = lane.chunks.front() else { continue };
            recipients += next.recipients.len();
            bytes += next.bytes();
            if !group.is_empty() && (recipients > MAX_GROUP_RECIPIENTS || bytes > CHUNK_BYTES) {
                return group;
            }
            group.extend(lane.chunks.pop_front().map(|chunk| (position, chunk)));
        }
        if group.len() == before {
            return group;
        }
    }
}
