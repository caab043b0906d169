//! Sends commands to the nodes of their slots, and those that were refused again.

use std::borrow::Cow;
use std::io;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerError, Value};

use super::batch::{NodeBatch, Slots, add};
use super::failed::FailedBatch;
use super::map::NodeAddress;
use super::nodes::ClusterNodes;
use crate::storage::redis::error::meaning;

/// The pause before commands are sent again that no node serves at the moment.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a refused command goes next.
#[derive(Clone, PartialEq, Eq)]
enum Destination {
    /// To the owner of its slot.
    Owner,
    /// To the node that a redirection names, which may refuse it unless it is asked with `ASKING`.
    Node { address: NodeAddress, is_asking: bool },
}

/// What a round has left over.
#[derive(Default)]
struct Leftovers {
    refused: Vec<(usize, Cmd, Destination)>,
    /// Nodes that do not know a script, and may lack them all.
    without_scripts: Vec<NodeAddress>,
    /// Nodes that got the scripts in a round before: what they do not know is no script of this connection.
    with_scripts: Vec<NodeAddress>,
    /// Whether the next round needs another map, or a pause.
    is_map_outdated: bool,
    needs_pause: bool,
    /// The reason why commands were not sent.
    error: Option<RedisError>,
}

impl ClusterNodes {
    /// Sends the commands of a pipeline, each to the node of its slot; returns the replies in their order. Errors of the
    /// server are among them.
    ///
    /// # Errors
    /// A connection is lost, or a node does not reply in time: commands may have been executed.
    pub(in crate::storage::redis) async fn send(
        &self,
        pipeline: &Pipeline,
        slots: Slots<'_>,
        scripts: &[Script],
    ) -> Result<Vec<Value>, FailedBatch> {
        let deadline = Instant::now() + self.timeout;
        let mut replies = vec![Value::Nil; pipeline.len()];
        let mut batches = self.first_batches(pipeline, slots).await?;
        let mut with_scripts = Vec::new();
        loop {
            let seen = self.map.known().generation;
            let left = self.round(&batches, with_scripts, &mut replies).await?;
            if left.refused.is_empty() {
                return Ok(replies);
            }
            if Instant::now() >= deadline {
                // The replies have the reasons of the others.
                let places = left.refused.iter().map(|(place, _, _)| *place).collect();
                return left.error.map_or(Ok(replies), |error| Err(FailedBatch { places, error }));
            }
            with_scripts = left.with_scripts;
            for node in left.without_scripts {
                self.load_scripts(&node, scripts).await?;
                with_scripts.push(node);
            }
            if left.needs_pause {
                tokio::time::sleep(PAUSE).await;
            }
            if left.is_map_outdated {
                _ = self.map.refresh(seen).await;
            }
            batches = self.next_batches(left.refused, slots);
        }
    }

    /// The commands by the owners of their slots.
    async fn first_batches<'a>(&self, pipeline: &'a Pipeline, slots: Slots<'_>) -> RedisResult<Vec<NodeBatch<'a>>> {
        let table = self.map.table().await.map_err(|error| io_error(&error.reason()))?;
        let owner = |slot| table.owner(slot).or_else(|| table.nodes().first()).ok_or_else(|| io_error("no node"));
        if let Some(only) = slots.only_owner(owner)? {
            let (node, places) = (only.clone(), (0..pipeline.len()).collect());
            return Ok(vec![NodeBatch { node, pipeline: Cow::Borrowed(pipeline), places, is_asking: false }]);
        }
        let mut batches: Vec<NodeBatch<'a>> = Vec::new();
        for (place, command) in pipeline.cmd_iter().enumerate() {
            let node = owner(slots.of(place))?;
            add(&mut batches, node, (place, command.clone()), false);
        }
        Ok(batches)
    }

    fn next_batches(&self, refused: Vec<(usize, Cmd, Destination)>, slots: Slots<'_>) -> Vec<NodeBatch<'static>> {
        let table = self.map.known();
        let mut batches = Vec::new();
        for (place, command, destination) in refused {
            match destination {
                Destination::Node { address, is_asking } => add(&mut batches, &address, (place, command), is_asking),
                Destination::Owner => {
                    if let Some(node) = table.owner(slots.of(place)).or_else(|| table.nodes().first()) {
                        add(&mut batches, node, (place, command), false);
                    }
                }
            }
        }
        batches
    }

    /// Sends all batches at the same time, and sorts the replies.
    async fn round(
        &self,
        batches: &[NodeBatch<'_>],
        with_scripts: Vec<NodeAddress>,
        replies: &mut [Value],
    ) -> Result<Leftovers, FailedBatch> {
        let sent = batches.iter().map(|batch| self.send_batch(batch));
        let mut left = Leftovers { with_scripts, ..Leftovers::default() };
        let mut failed: Option<FailedBatch> = None;
        for (batch, answer) in batches.iter().zip(join_all(sent).await) {
            match answer {
                Ok(values) => self.sort(batch, values, replies, &mut left),
                // Nothing was sent.
                Err(error) if error.is_connection_refusal() => {
                    left.is_map_outdated = true;
                    left.needs_pause = true;
                    left.error = Some(error);
                    let again = batch.places.iter().zip(batch.commands());
                    left.refused.extend(again.map(|(place, command)| (*place, command.clone(), Destination::Owner)));
                }
                Err(error) => {
                    let failed = failed.get_or_insert_with(|| named(&batch.node, error).into());
                    failed.places.extend(&batch.places);
                }
            }
        }
        match failed {
            Some(failed) => {
                self.refresh_later();
                Err(failed)
            }
            None => Ok(left),
        }
    }

    async fn send_batch(&self, batch: &NodeBatch<'_>) -> RedisResult<Vec<Value>> {
        let node = self.node(&batch.node)?;
        let answer = node.connection().req_packed_commands(&batch.pipeline, 0, batch.pipeline.len()).await;
        let mut replies = answer.inspect_err(|error| node.replace_after(error))?;
        if batch.is_asking {
            let mut place = 0;
            replies.retain(|_| {
                place += 1;
                place % 2 == 0
            });
        }
        Ok(replies)
    }

    /// Puts replies into their places; commands that were refused are left over, and with them a `WAIT` behind them.
    fn sort(&self, batch: &NodeBatch<'_>, values: Vec<Value>, replies: &mut [Value], left: &mut Leftovers) {
        let mut refused_before = None;
        for (number, (place, value)) in batch.places.iter().zip(values).enumerate() {
            let refused = match &value {
                Value::ServerError(error) => self.destination(error, batch, left),
                _ => None,
            };
            if let Some(destination) = refused.or_else(|| refused_before.clone())
                && let Some(command) = batch.commands().nth(number)
                && (matches!(value, Value::ServerError(_)) || is_wait(command))
            {
                left.refused.push((*place, command.clone(), destination.clone()));
                refused_before = Some(destination);
            }
            if let Some(reply) = replies.get_mut(*place) {
                *reply = value;
            }
        }
    }

    /// Where a command goes next that was refused with this error; `None` if it is the reply.
    fn destination(&self, error: &ServerError, batch: &NodeBatch<'_>, left: &mut Leftovers) -> Option<Destination> {
        let meaning = meaning(&RedisError::from(error.clone()));
        match meaning.code {
            "MOVED" | "ASK" => {
                let (slot, node) = error.details()?.split_once(' ')?;
                let address = NodeAddress::parse(node.trim(), &batch.node)?;
                let is_asking = meaning.code == "ASK";
                if !is_asking {
                    self.map.set_owner(slot.parse().ok()?, &address);
                }
                Some(Destination::Node { address, is_asking })
            }
            "TRYAGAIN" => {
                left.needs_pause = true;
                Some(Destination::Owner)
            }
            "CLUSTERDOWN" | "READONLY" | "MASTERDOWN" => {
                left.needs_pause = true;
                left.is_map_outdated = true;
                Some(Destination::Owner)
            }
            "NOSCRIPT" if !left.with_scripts.contains(&batch.node) => {
                if !left.without_scripts.contains(&batch.node) {
                    left.without_scripts.push(batch.node.clone());
                }
                Some(Destination::Node { address: batch.node.clone(), is_asking: batch.is_asking })
            }
            "NOAUTH" => {
                self.node(&batch.node).ok()?.replace_after(&error.clone().into());
                None
            }
            _ => None,
        }
    }

    async fn load_scripts(&self, node: &NodeAddress, scripts: &[Script]) -> RedisResult<()> {
        let mut connection = self.node(node)?.connection();
        for script in scripts {
            script.load_async(&mut connection).await?;
        }
        Ok(())
    }
}

/// The error of a connection, with the node; what a caller can do about it is the same.
fn named(node: &NodeAddress, error: RedisError) -> RedisError {
    let kind = match () {
        () if error.is_timeout() => io::ErrorKind::TimedOut,
        () if error.is_connection_dropped() => io::ErrorKind::ConnectionReset,
        () => return error,
    };
    io::Error::new(kind, format!("node {node}: {error}")).into()
}

fn io_error(reason: &str) -> RedisError {
    (ErrorKind::Io, "the cluster is not available", reason.to_owned()).into()
}

fn is_wait(command: &Cmd) -> bool {
    matches!(command.args_iter().next(), Some(redis::Arg::Simple(b"WAIT")))
}
