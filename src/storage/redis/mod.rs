//! Connections to Redis: to one server, to the master that Sentinels name, or to a cluster.
//!
//! A connection is established on first use and re-established when it is lost. Its user does not see which of the three it
//! is, except for keys in different slots.

mod cluster;
mod confirmation;
mod connection;
mod error;
mod layout;
mod meaning;
mod node;
mod pattern;
mod resharding;
mod sentinel;
mod servers;
mod shard;
mod slot;
mod slots;

pub use self::confirmation::Confirmation;
pub use self::connection::{PipelineReply, RedisConnection};
pub use self::error::{meaning, unavailable};
pub use self::layout::ShardLayout;
pub use self::meaning::{Meaning, Remedy};
pub use self::pattern::escape_glob;
pub use self::resharding::{MoveStep, ShardMark, ShardMove};
pub use self::servers::RedisServers;
pub use self::shard::shard_of;
pub use self::slot::slot_of;
pub use self::slots::{FailedCommands, SlotPipeline};
