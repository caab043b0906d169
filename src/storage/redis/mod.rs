//! A Redis connection that is established on first use and re-established when it is lost.

mod meaning;

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo, FromRedisValue, Pipeline, RedisError, Script, Value};

pub use self::meaning::{Meaning, Remedy};
use super::{Result, Unavailable};

/// The idle time after which the kernel sends TCP keepalive probes, and the time between two probes.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A connection, and the Lua scripts that are called over it.
pub struct RedisConnection {
    client: Client,
    config: ConnectionManagerConfig,
    connection: RwLock<ConnectionManager>,
    scripts: Vec<Script>,
}

/// The replies to a pipeline, one per command.
pub struct PipelineReply {
    /// The replies, including errors of the server.
    pub replies: Vec<Value>,
    /// Whether the pipeline was sent twice, so that it may have read its own writes.
    pub retried: bool,
}

impl RedisConnection {
    /// Creates a connection that fails when Redis does not reply within `timeout`. It connects on first use.
    ///
    /// # Errors
    /// The address is invalid.
    pub fn new(server: ConnectionInfo, timeout: Duration) -> Result<Self> {
        // The kernel detects a peer that vanished without closing the connection.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(2 * KEEPALIVE);
        let client = Client::open(server.set_tcp_settings(tcp)).map_err(unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(0);
        let connection =
            ConnectionManager::new_lazy_with_config(client.clone(), config.clone()).map_err(unavailable)?;
        Ok(Self { client, config, connection: RwLock::new(connection), scripts: Vec::new() })
    }

    /// Registers a script. Returns the hash for `EVALSHA`.
    pub fn register_script(&mut self, code: &str) -> String {
        let script = Script::new(code);
        let hash = script.get_hash().to_owned();
        self.scripts.push(script);
        hash
    }

    /// Returns the current connection.
    pub fn connection(&self) -> ConnectionManager {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The name of the user.
    pub fn user(&self) -> &str {
        self.client.get_connection_info().redis_settings().username().unwrap_or("default")
    }

    /// The address of the server, and the database, without credentials.
    pub fn address(&self) -> String {
        let server = self.client.get_connection_info();
        format!("{}/{}", server.addr(), server.redis_settings().db())
    }

    /// Converts the error of a command. When the connection is of no use any more, it is replaced: after a failover another
    /// server is writable, and the old connection never reaches it.
    fn map_error(&self, error: RedisError) -> Unavailable {
        if meaning(&error).is_connection_useless
            && let Ok(new) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())
        {
            *self.connection.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        self.describe(error)
    }

    /// Converts an error as [`unavailable`] does; the reason names the server, too.
    pub fn describe(&self, error: RedisError) -> Unavailable {
        unavailable(error).at(&format!("Redis at {}", self.address()))
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

    /// Sends a pipeline. When the server does not know the scripts, they are loaded and the pipeline is sent again.
    ///
    /// # Errors
    /// Redis does not reply in time, or replies with an error.
    pub async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let mut connection = self.connection();
        match pipeline.query_async(&mut connection).await {
            Err(error) if is_no_script(&error) => {
                self.load_scripts(&mut connection).await?;
                pipeline.query_async(&mut connection).await.map_err(|error| self.map_error(error))
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
        let mut connection = self.connection();
        let mut retried = false;
        loop {
            let replies: Vec<Value> =
                pipeline.query_async(&mut connection).await.map_err(|error| self.map_error(error))?;
            let errors = replies.iter().filter(|reply| matches!(reply, Value::ServerError(_)));
            let mut errors = errors.filter_map(|error| error.clone().extract_error().err());
            match errors.find(|error| !harmless(error)) {
                None => return Ok(PipelineReply { replies, retried }),
                Some(error) if is_no_script(&error) && !retried => self.load_scripts(&mut connection).await?,
                Some(error) => return Err(self.map_error(error)),
            }
            retried = true;
        }
    }

    async fn load_scripts(&self, connection: &mut ConnectionManager) -> Result<()> {
        for script in &self.scripts {
            script.load_async(connection).await.map_err(|error| self.map_error(error))?;
        }
        Ok(())
    }
}

/// Converts an error of Redis. The reason names the cause, and what the operator can do.
pub fn unavailable(error: RedisError) -> Unavailable {
    let lost = !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error());
    let Meaning { remedy, is_connection_useless, advice, .. } = meaning(&error);
    if lost || (remedy == Remedy::RetryNow && is_connection_useless) {
        Unavailable::lost_connection(error)
    } else if advice.is_empty() {
        Unavailable::new(error)
    } else {
        Unavailable::new(format!("{error}: {advice}"))
    }
}

/// The meaning of an error of the server.
pub fn meaning(error: &RedisError) -> Meaning {
    Meaning::of(error.code().unwrap_or_default(), &error.to_string())
}

fn is_no_script(error: &RedisError) -> bool {
    meaning(error).code == "NOSCRIPT"
}
