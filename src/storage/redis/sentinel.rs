//! The master of a service, by the answers of its Sentinels.
//!
//! All Sentinels are asked at the same time, and the answer of the greatest configuration epoch counts: a Sentinel that was
//! cut off names a master of before. They are asked again each second, when one of them announces `+switch-master`, and
//! when a command finds that the connection is lost or that the server is a replica. So connections leave a master that was
//! demoted as soon as a Sentinel knows it; a demoted master accepts writes for some seconds more, which are lost.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use redis::aio::{ConnectionManager, PubSubStream};
use redis::{ConnectionInfo, Pipeline, RedisResult, Value, from_redis_value};
use tokio::sync::Mutex;

use super::error::unavailable;
use super::node::{Node, server_at};
use crate::storage::{Result, Unavailable};

/// How often the Sentinels are asked.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two questions because of errors.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// The Sentinels of a service, and the master that they named last.
pub(super) struct Sentinels {
    sentinels: Vec<Node>,
    service: String,
    timeout: Duration,
    master: RwLock<Option<Arc<MasterAddress>>>,
    asked: Mutex<Option<Instant>>,
    is_followed: AtomicBool,
}

/// The address of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
struct MasterAddress {
    /// The number of the failover that made it the master.
    epoch: u64,
    host: String,
    port: u16,
}

impl Sentinels {
    pub(super) fn new(sentinels: Vec<ConnectionInfo>, service: &str, timeout: Duration) -> RedisResult<Self> {
        let sentinels =
            sentinels.into_iter().map(|sentinel| Node::new(sentinel, timeout)).collect::<RedisResult<_>>()?;
        Ok(Self {
            sentinels,
            service: service.to_owned(),
            timeout,
            master: RwLock::default(),
            asked: Mutex::default(),
            is_followed: AtomicBool::new(false),
        })
    }

    /// The master that was named last; asks if none was.
    async fn master(self: &Arc<Self>) -> Result<Arc<MasterAddress>> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        if !self.is_followed.swap(true, Ordering::Relaxed) {
            tokio::spawn(follow(Arc::downgrade(self)));
        }
        self.ask().await
    }

    fn known(&self) -> Option<Arc<MasterAddress>> {
        self.master.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the master, unless the Sentinels answer another caller meanwhile.
    async fn ask(&self) -> Result<Arc<MasterAddress>> {
        let began = Instant::now();
        let mut asked = self.asked.lock().await;
        if let Some(last) = *asked {
            if let Some(known) = self.known().filter(|_| last >= began) {
                return Ok(known);
            }
            tokio::time::sleep(MIN_INTERVAL.saturating_sub(last.elapsed())).await;
        }
        let answers = join_all(self.sentinels.iter().map(|sentinel| self.ask_one(sentinel))).await;
        *asked = Some(Instant::now());
        let mut errors = Vec::new();
        let mut named: Vec<MasterAddress> = Vec::new();
        for (sentinel, answer) in self.sentinels.iter().zip(answers) {
            match answer {
                Ok(master) => named.push(master),
                Err(error) => errors.push(format!("{}: {}", sentinel.address(), error.reason())),
            }
        }
        let is_majority = 2 * named.len() > self.sentinels.len();
        match named.into_iter().max_by_key(|master| master.epoch) {
            Some(master) => Ok(self.set(master, is_majority)),
            None => Err(Unavailable::new(format!("no Sentinel names a master: {}", errors.join("; ")))),
        }
    }

    /// Records the master. The answer of a minority does not replace that of a later failover.
    fn set(&self, master: MasterAddress, is_majority: bool) -> Arc<MasterAddress> {
        let mut current = self.master.write().unwrap_or_else(PoisonError::into_inner);
        let is_outdated = |known: &MasterAddress| known.epoch > master.epoch && !is_majority;
        match current.as_ref().filter(|known| is_outdated(known) || ***known == master) {
            Some(current) => current.clone(),
            None => {
                if current.is_some() {
                    let MasterAddress { host, port, .. } = &master;
                    tracing::info!(service = self.service, master = format!("{host}:{port}"), "Redis has a new master");
                }
                current.insert(Arc::new(master)).clone()
            }
        }
    }

    async fn ask_one(&self, sentinel: &Node) -> Result<MasterAddress> {
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.cmd("SENTINEL").arg("MASTER").arg(&self.service);
        // What a user without the right for the other may still ask.
        pipeline.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        pipeline.ignore_errors();
        let answer = pipeline.query_async(&mut sentinel.connection()).await;
        let replies: Vec<Value> = answer.inspect_err(|error| sentinel.replace_after(error)).map_err(unavailable)?;
        let [fields, address] =
            <[Value; 2]>::try_from(replies).map_err(|_| Unavailable::new("the reply is too short"))?;
        match (fields.extract_error(), address.extract_error()) {
            (Ok(fields), _) => master_of_fields(fields),
            (Err(_), Ok(Value::Nil)) => {
                let service = &self.service;
                Err(Unavailable::new(format!("it monitors no {service:?}: correct redis.sentinel_service")))
            }
            (Err(_), Ok(address)) => {
                let (host, port) = from_redis_value(address).map_err(|error| unavailable(error.into()))?;
                Ok(MasterAddress { epoch: 0, host, port })
            }
            (Err(_), Err(error)) => Err(unavailable(error)),
        }
    }

    /// Announcements of new masters, from the first Sentinel that permits it.
    async fn subscribe(&self) -> Option<PubSubStream> {
        for sentinel in &self.sentinels {
            let subscribed = tokio::time::timeout(self.timeout, async {
                let mut connection = sentinel.client().get_async_pubsub().await?;
                connection.subscribe("+switch-master").await?;
                RedisResult::Ok(connection.into_on_message())
            });
            if let Ok(Ok(stream)) = subscribed.await {
                return Some(stream);
            }
        }
        None
    }
}

/// The master of the reply to `SENTINEL MASTER`.
fn master_of_fields(fields: Value) -> Result<MasterAddress> {
    let fields: HashMap<String, String> = from_redis_value(fields).map_err(|error| unavailable(error.into()))?;
    let number = |name: &str| fields.get(name)?.parse::<u64>().ok();
    let port = number("port").and_then(|port| u16::try_from(port).ok());
    match (fields.get("ip"), port) {
        (Some(host), Some(port)) => {
            Ok(MasterAddress { epoch: number("config-epoch").unwrap_or(0), host: host.clone(), port })
        }
        _ => Err(Unavailable::new("the reply names no address")),
    }
}

/// Asks each second, and after announcements, until the Sentinels are dropped.
async fn follow(sentinels: Weak<Sentinels>) {
    let mut announcements = None;
    loop {
        match &mut announcements {
            Some(stream) => {
                if let Ok(None) = tokio::time::timeout(POLL_INTERVAL, StreamExt::next(stream)).await {
                    announcements = None;
                }
            }
            None => tokio::time::sleep(POLL_INTERVAL).await,
        }
        let Some(sentinels) = sentinels.upgrade() else { return };
        if announcements.is_none() {
            announcements = sentinels.subscribe().await;
        }
        if let Err(error) = sentinels.ask().await {
            tracing::debug!(error = error.reason(), "the Sentinels do not answer");
        }
    }
}

impl fmt::Display for Sentinels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentinels: Vec<String> = self.sentinels.iter().map(Node::address).collect();
        write!(formatter, "{} of Sentinels {}", self.service, sentinels.join(","))?;
        match self.known() {
            Some(master) => write!(formatter, " ({}:{})", master.host, master.port),
            None => Ok(()),
        }
    }
}

/// The connection to whichever server is the master.
pub(super) struct MasterNode {
    sentinels: Arc<Sentinels>,
    server: ConnectionInfo,
    timeout: Duration,
    current: RwLock<Option<(Arc<MasterAddress>, Arc<Node>)>>,
    /// Whether the Sentinels must be asked before the next command.
    is_doubted: AtomicBool,
}

impl MasterNode {
    pub(super) fn new(sentinels: Arc<Sentinels>, server: ConnectionInfo, timeout: Duration) -> Self {
        Self { sentinels, server, timeout, current: RwLock::default(), is_doubted: AtomicBool::new(false) }
    }

    /// A connection to the master.
    pub(super) async fn connection(&self) -> Result<ConnectionManager> {
        let master = if self.is_doubted.swap(false, Ordering::Relaxed) {
            self.sentinels.ask().await.inspect_err(|_| self.doubt())?
        } else {
            self.sentinels.master().await?
        };
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, node)) = current.filter(|(address, _)| Arc::ptr_eq(address, &master)) {
            return Ok(node.connection());
        }
        let server = server_at(&self.server, &master.host, master.port);
        let node = Arc::new(Node::new(server, self.timeout).map_err(unavailable)?);
        let connection = node.connection();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some((master, node));
        Ok(connection)
    }

    /// Has the Sentinels asked before the next command, which gets a new connection.
    pub(super) fn doubt(&self) {
        self.is_doubted.store(true, Ordering::Relaxed);
    }

    /// Forgets the connection, which is of no use any more.
    pub(super) fn reconnect(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.doubt();
    }
}
