//! A connection, and the pipelines that are sent over it.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, RedisFuture, Script, Value};

use super::cluster::{ClusterNodes, Slots};
use super::error::{is_no_script, meaning, unavailable};
use super::node::Node;
use super::sentinel::MasterNode;
use super::servers::{RedisServers, Topology};
use super::slot::slot_of;
use crate::storage::{Result, Unavailable};

/// A connection, and the Lua scripts that are called over it.
pub struct RedisConnection {
    pub(super) link: Arc<Link>,
    servers: RedisServers,
    pub(super) scripts: Vec<Script>,
    /// The slot of all keys of its pipelines.
    slot: u16,
}

/// What commands are sent over.
pub(super) enum Link {
    Server(Node),
    Master(MasterNode),
    Cluster(ClusterNodes),
}

/// The way of a pipeline.
enum Channel<'a> {
    Server(ConnectionManager),
    Cluster(&'a RedisConnection, &'a ClusterNodes),
}

/// The replies to a pipeline, one per command.
pub struct PipelineReply {
    /// The replies, including errors of the server.
    pub replies: Vec<Value>,
    /// Whether the pipeline was sent twice, so that it may have read its own writes.
    pub retried: bool,
}

impl RedisConnection {
    /// Creates a connection for keys with the hash tag of `key`, which fails when Redis does not reply within `timeout`. It
    /// connects on first use.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(servers: RedisServers, key: &str, timeout: Duration) -> Result<Self> {
        let server = servers.server.clone();
        let link = match &servers.topology {
            Topology::Standalone => Link::Server(Node::new(server, timeout).map_err(unavailable)?),
            Topology::Sentinel(sentinels) => Link::Master(MasterNode::new(sentinels.clone(), server, timeout)),
            Topology::Cluster(map) => Link::Cluster(ClusterNodes::new(map.clone(), server, timeout)),
        };
        Ok(Self { link: Arc::new(link), servers, scripts: Vec::new(), slot: slot_of(key.as_bytes()) })
    }

    /// A connection over the same sockets, for keys with the hash tag of `key`. Scripts are registered for each.
    #[must_use]
    pub fn beside(&self, key: &str) -> Self {
        let (link, servers) = (self.link.clone(), self.servers.clone());
        Self { link, servers, scripts: Vec::new(), slot: slot_of(key.as_bytes()) }
    }

    /// Whether both use the same sockets, so that one pipeline can have the commands of both.
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.link, &other.link)
    }

    /// Registers a script. Returns the hash for `EVALSHA`.
    pub fn register_script(&mut self, code: &str) -> String {
        let script = Script::new(code);
        let hash = script.get_hash().to_owned();
        self.scripts.push(script);
        hash
    }

    /// A connection to each server that has keys, with its address.
    ///
    /// # Errors
    /// It is not known which servers these are.
    pub async fn each_server(&self) -> Result<Vec<(String, ConnectionManager)>> {
        match self.link.as_ref() {
            Link::Server(node) => Ok(vec![(node.address(), node.connection())]),
            Link::Master(master) => Ok(vec![(self.address(), master.connection().await?)]),
            Link::Cluster(nodes) => {
                Ok(nodes.all().await?.iter().map(|node| (node.address(), node.connection())).collect())
            }
        }
    }

    /// Whether keys are spread over several servers by their slots.
    pub fn is_cluster(&self) -> bool {
        self.servers.is_cluster()
    }

    /// A number that stands for the server of a slot, as far as is known.
    pub fn server_of(&self, slot: u16) -> u32 {
        match self.link.as_ref() {
            Link::Cluster(nodes) => nodes.server_of(slot),
            Link::Server(_) | Link::Master(_) => 0,
        }
    }

    /// The number of servers that keys are spread over, at least 1.
    pub fn servers(&self) -> usize {
        match self.link.as_ref() {
            Link::Cluster(nodes) => nodes.count().max(1),
            Link::Server(_) | Link::Master(_) => 1,
        }
    }

    /// The slot of the keys of its pipelines.
    pub fn slot(&self) -> u16 {
        self.slot
    }

    /// Ends a pipeline with the command that waits for the replicas, if commits need their confirmation.
    pub fn request_confirmation(&self, pipeline: &mut Pipeline) {
        self.confirmation().into_iter().for_each(|wait| _ = pipeline.add_command(wait));
    }

    /// The command that waits for the replicas, if commits need their confirmation.
    pub fn confirmation(&self) -> Option<Cmd> {
        self.servers.confirmation.map(|confirmation| confirmation.command())
    }

    /// Takes the last reply to a pipeline for which [confirmation was requested](Self::request_confirmation), and checks it.
    ///
    /// # Errors
    /// Too few replicas have the writes. They may all the same take effect.
    pub fn check_confirmation(&self, replies: &mut Vec<Value>) -> Result<()> {
        match self.servers.confirmation {
            Some(confirmation) => confirmation.check(replies.pop().as_ref()),
            None => Ok(()),
        }
    }

    /// The name of the user.
    pub fn user(&self) -> &str {
        self.servers.server.redis_settings().username().unwrap_or("default")
    }

    /// The address of the server or servers, and the database, without credentials.
    pub fn address(&self) -> String {
        self.servers.to_string()
    }

    async fn channel(&self) -> Result<Channel<'_>> {
        match self.link.as_ref() {
            Link::Server(node) => Ok(Channel::Server(node.connection())),
            Link::Master(master) => master.connection().await.map(Channel::Server),
            Link::Cluster(nodes) => Ok(Channel::Cluster(self, nodes)),
        }
    }

    /// Converts the error of a command. When the connection is of no use any more, it is replaced: after a failover another
    /// server is writable, and the old connection never reaches it.
    pub(super) fn map_error(&self, error: RedisError) -> Unavailable {
        match self.link.as_ref() {
            Link::Server(node) => node.replace_after(&error),
            Link::Master(master) if meaning(&error).is_connection_useless => master.reconnect(),
            Link::Master(master) if error.is_io_error() || error.is_connection_dropped() => master.doubt(),
            Link::Master(_) | Link::Cluster(_) => {}
        }
        self.describe(error)
    }

    /// Converts an error as [`unavailable`] does; the reason names the server, too. A connection on which an earlier commit waits
    /// for replicas replies to nobody, so the reason of a timeout names this setting.
    pub fn describe(&self, error: RedisError) -> Unavailable {
        let waiting = self.servers.confirmation.filter(|_| error.is_timeout());
        let described = match waiting {
            Some(confirmation) => {
                Unavailable::new(format!("{error}, perhaps behind a commit: {}", confirmation.advice()))
            }
            None => unavailable(error),
        };
        described.at(&format!("Redis at {}", self.address()))
    }

    /// Sends an idempotent pipeline; retries once when the connection is lost, as the next connection may be up already.
    ///
    /// # Errors
    /// Redis does not reply in time, or replies with an error.
    pub async fn read<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        match self.send(pipeline).await {
            Err(error) if error.is_lost_connection() => self.send(pipeline).await,
            reply => reply,
        }
    }

    /// Sends a pipeline. When the server does not know the scripts, they are loaded and the pipeline is sent again; in a
    /// cluster the calls of scripts alone.
    ///
    /// # Errors
    /// Redis does not reply in time, or replies with an error.
    pub async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let mut channel = self.channel().await?;
        match pipeline.query_async(&mut channel).await {
            Err(error) if is_no_script(&error) => {
                self.load_scripts(&mut channel).await?;
                pipeline.query_async(&mut channel).await.map_err(|error| self.map_error(error))
            }
            reply => reply.map_err(|error| self.map_error(error)),
        }
    }

    /// Sends a pipeline that [ignores errors](Pipeline::ignore_errors). Scripts are loaded as in [`send`](Self::send).
    ///
    /// # Errors
    /// The first error reply that is not `harmless`, or Redis does not reply in time.
    pub async fn send_each(
        &self,
        pipeline: &Pipeline,
        harmless: impl Fn(&RedisError) -> bool,
    ) -> Result<PipelineReply> {
        let mut channel = self.channel().await?;
        let mut retried = false;
        loop {
            let replies: Vec<Value> =
                pipeline.query_async(&mut channel).await.map_err(|error| self.map_error(error))?;
            match first_error(&replies, &harmless) {
                None => return Ok(PipelineReply { replies, retried }),
                Some((_, error)) if is_no_script(&error) && !retried => self.load_scripts(&mut channel).await?,
                Some((_, error)) => return Err(self.map_error(error)),
            }
            retried = true;
        }
    }

    async fn load_scripts(&self, channel: &mut Channel<'_>) -> Result<()> {
        // In a cluster each node gets them when it lacks them.
        let Channel::Server(connection) = channel else { return Ok(()) };
        for script in &self.scripts {
            script.load_async(connection).await.map_err(|error| self.map_error(error))?;
        }
        Ok(())
    }
}

impl ConnectionLike for Channel<'_> {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Channel::Server(connection) => connection.req_packed_command(command),
            Channel::Cluster(connection, nodes) => Box::pin(async move {
                let mut pipeline = Pipeline::with_capacity(1);
                pipeline.add_command(command.clone());
                let replies = nodes.send(&pipeline, Slots::All(connection.slot), &connection.scripts).await?;
                replies.into_iter().next().unwrap_or(Value::Nil).extract_error()
            }),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Channel::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Channel::Cluster(connection, nodes) => {
                Box::pin(
                    async move { Ok(nodes.send(pipeline, Slots::All(connection.slot), &connection.scripts).await?) },
                )
            }
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Channel::Server(connection) => connection.get_db(),
            Channel::Cluster(connection, _) => connection.servers.database(),
        }
    }
}

/// The first error among replies that is not `harmless`, with its place.
pub(super) fn first_error(replies: &[Value], harmless: &impl Fn(&RedisError) -> bool) -> Option<(usize, RedisError)> {
    let errors = replies.iter().enumerate().filter(|(_, reply)| matches!(reply, Value::ServerError(_)));
    errors
        .filter_map(|(place, error)| Some((place, error.clone().extract_error().err()?)))
        .find(|(_, error)| !harmless(error))
}
