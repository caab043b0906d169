//! A connection to Redis that is made when it is first used, and again whenever it is lost.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Client, ConnectionInfo, ErrorKind, FromRedisValue, Pipeline, RedisError, Script, ServerErrorKind, Value};

use super::{Result, Unavailable};

/// How long a connection may be silent before the kernel asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// A connection, and the scripts that are called over it.
pub struct RedisConnection {
    client: Client,
    config: ConnectionManagerConfig,
    connection: RwLock<ConnectionManager>,
    scripts: Vec<Script>,
}

/// What a pipeline was answered, command by command.
pub struct PipelineReply {
    /// The answers, errors of the server among them.
    pub answers: Vec<Value>,
    /// Whether it was sent twice, so that it may have met what it wrote itself.
    pub twice: bool,
}

impl RedisConnection {
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
        let connection =
            ConnectionManager::new_lazy_with_config(client.clone(), config.clone()).map_err(unavailable)?;
        Ok(Self { client, config, connection: RwLock::new(connection), scripts: Vec::new() })
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
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error of a command. A server that takes no changes any more is left: another one does, and this connection
    /// never leads there.
    fn noted(&self, error: RedisError) -> Unavailable {
        if is_demoted(&error)
            && let Ok(new) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())
        {
            *self.connection.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        unavailable(error)
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
        let mut connection = self.connection();
        match pipeline.query_async(&mut connection).await {
            Err(error) if is_no_script(&error) => {
                self.load_scripts(&mut connection).await?;
                pipeline.query_async(&mut connection).await.map_err(|error| self.noted(error))
            }
            answer => answer.map_err(|error| self.noted(error)),
        }
    }

    /// Sends a pipeline that [ignores errors](Pipeline::ignore_errors): those that `harmless` does not know for answers are
    /// errors of the whole.
    pub async fn send_each(
        &self,
        pipeline: &Pipeline,
        harmless: impl Fn(&RedisError) -> bool,
    ) -> Result<PipelineReply> {
        let mut connection = self.connection();
        let mut twice = false;
        loop {
            let answers: Vec<Value> = pipeline.query_async(&mut connection).await.map_err(|error| self.noted(error))?;
            let errors = answers.iter().filter(|answer| matches!(answer, Value::ServerError(_)));
            let mut errors = errors.filter_map(|error| error.clone().extract_error().err());
            match errors.find(|error| !harmless(error)) {
                None => return Ok(PipelineReply { answers, twice }),
                Some(error) if is_no_script(&error) && !twice => self.load_scripts(&mut connection).await?,
                Some(error) => return Err(self.noted(error)),
            }
            twice = true;
        }
    }

    async fn load_scripts(&self, connection: &mut ConnectionManager) -> Result<()> {
        for script in &self.scripts {
            script.load_async(connection).await.map_err(|error| self.noted(error))?;
        }
        Ok(())
    }
}

/// What an error of Redis means to those who asked.
pub fn unavailable(error: RedisError) -> Unavailable {
    let lost = !error.is_timeout() && (error.is_connection_dropped() || error.is_io_error());
    if lost || is_demoted(&error) { Unavailable::lost_connection(error) } else { Unavailable::new(error) }
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) || error.to_string().contains("NOSCRIPT")
}

/// Whether a server that took changes takes none any more; a script says so in words.
fn is_demoted(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) || error.to_string().contains("READONLY")
}
