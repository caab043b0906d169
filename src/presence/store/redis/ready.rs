//! The readiness check: it takes the way of a heartbeat, in both databases, and leaves nothing behind.

use ::redis::{Cmd, Pipeline};

use super::{RedisStore, state};
use crate::presence::store::StoreDown;

/// The version of the state that the check writes and removes.
const VERSION: u64 = 1;

impl RedisStore {
    pub(super) async fn check_ready(&self) -> Result<(), StoreDown> {
        let checked = match self.check_rights_once().await {
            Ok(()) => self.connection.send_each(&self.ready_pipeline(), |_| false).await.map(drop),
            Err(error) => Err(error),
        };
        checked.map_err(|error| {
            self.rights.doubt(&error);
            StoreDown { store: "redis", address: self.connection.address(), reason: error.reason() }
        })
    }

    /// A record that is put and removed, and a commit of a state that the next one removes.
    fn ready_pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(8);
        let record = self.keys.ready_record();
        self.select_cache_db(&mut pipeline);
        pipeline.cmd("SETEX").arg(&record).arg(1).arg("");
        pipeline.cmd("DEL").arg(&record);
        self.select_own_db(&mut pipeline);
        let written = [state::version(VERSION).as_slice(), b"{}"].concat();
        pipeline.add_command(self.ready_commit(&[], &written));
        pipeline.add_command(self.ready_commit(&state::version(VERSION), b"-"));
        pipeline.cmd("EVALSHA").arg(&self.scripts.claim).arg(1).arg(&self.keys.due).arg(0).arg(0).arg(0);
        pipeline.ignore_errors();
        pipeline
    }

    /// The commit of one state without extras, as commit.lua describes it.
    fn ready_commit(&self, expected: &[u8], state: &[u8]) -> Cmd {
        let mut call = Cmd::with_capacity(12, 512);
        call.arg("EVALSHA").arg(&self.scripts.commit).arg(3);
        call.arg(&self.keys.due).arg(&self.keys.changes).arg(&self.keys.ready);
        call.arg(1).arg(0).arg("").arg(expected).arg(state).arg(0);
        call
    }
}
