//! A connection to Redis that is made when it is first used, and again whenever it is lost.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError, Script, ServerErrorKind};

use super::{Result, Unavailable};

/// How long a connection may be silent before the kernel asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A connection, and the scripts that are called over it.
pub struct Link {
    connection: ConnectionManager,
    scripts: Vec<Script>,
}

impl Link {
    /// A link that takes no answer within `timeout` for a failure. It connects when it is first used.
    pub fn new(server: ConnectionInfo, timeout: Duration) -> Result<Self> {
        // A peer that vanished without a word is noticed by the kernel, and the connection made anew.
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_user_timeout(2 * KEEPALIVE);
        let client = Client::open(server.set_tcp_settings(tcp)).map_err(unavailable)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout))
            .set_number_of_retries(0);
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(unavailable)?;
        Ok(Self { connection, scripts: Vec::new() })
    }

    /// Makes a script known; gives the hash to call it by.
    pub fn script(&mut self, code: &str) -> String {
        let script = Script::new(code);
        let hash = script.get_hash().to_owned();
        self.scripts.push(script);
        hash
    }

    /// The connection itself.
    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// Sends what may be sent twice without harm: once more if the connection turns out to be lost, since the next one
    /// may stand already.
    pub async fn read<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        match self.send(pipeline).await {
            Err(error) if error.is_lost_connection() => self.send(pipeline).await,
            answer => answer,
        }
    }

    /// Sends; a server that does not know the scripts (any more) is given them first.
    pub async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        let mut connection = self.connection.clone();
        match pipeline.query_async(&mut connection).await {
            Err(error) if is_no_script(&error) => {
                for script in &self.scripts {
                    script.load_async(&mut connection).await.map_err(unavailable)?;
                }
                pipeline.query_async(&mut connection).await.map_err(unavailable)
            }
            answer => answer.map_err(unavailable),
        }
    }
}

/// What an error of Redis means to those who asked.
pub fn unavailable(error: RedisError) -> Unavailable {
    let lost = !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error());
    if lost { Unavailable::lost_connection(error) } else { Unavailable::new(error) }
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) || error.to_string().contains("NOSCRIPT")
}
