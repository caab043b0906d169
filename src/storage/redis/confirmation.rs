//! Confirmation of writes by replicas: replication is asynchronous, and what no replica has is lost with its master.

use std::time::Duration;

use redis::{Cmd, Value, cmd};

use crate::storage::{Result, Unavailable};

/// How many replicas must have a write before it counts, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    replicas: usize,
    limit: Duration,
}

impl Confirmation {
    /// Confirmation by this number of replicas, `None` for none. The replies of the server have `timeout`; the replicas have
    /// two thirds of it.
    pub fn new(replicas: usize, timeout: Duration) -> Option<Self> {
        (replicas > 0).then_some(Self { replicas, limit: timeout * 2 / 3 })
    }

    /// The last command of a pipeline: it waits for the replicas.
    pub(super) fn command(&self) -> Cmd {
        let mut wait = cmd("WAIT");
        wait.arg(self.replicas).arg(self.limit.as_millis().to_string());
        wait
    }

    /// Checks the reply to the [`command`](Self::command).
    ///
    /// # Errors
    /// Too few replicas have the writes. They may all the same take effect.
    pub(super) fn check(&self, reply: Option<&Value>) -> Result<()> {
        let confirmed = match reply {
            Some(Value::Int(count)) => usize::try_from(*count).unwrap_or(0),
            _ => 0,
        };
        match confirmed >= self.replicas {
            true => Ok(()),
            false => Err(Unavailable::new(format!(
                "{confirmed} replicas confirmed a write within {} ms: {}",
                self.limit.as_millis(),
                self.advice()
            ))),
        }
    }

    /// What an operator should look at when replicas do not confirm.
    pub(super) fn advice(&self) -> String {
        format!("redis.wait_replicas = {}, see INFO replication", self.replicas)
    }
}
