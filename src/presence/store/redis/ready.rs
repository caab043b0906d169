//! The readiness check: it takes the way of a heartbeat, in both databases, and leaves nothing behind.

use ::redis::{Cmd, Pipeline, cmd};

use super::shard::{Shard, select};
use super::state;
use crate::presence::store::{StoreDown, Unavailable};
use crate::storage::redis::{SlotPipeline, slot_of};

/// The version of the state that the check writes and removes.
const VERSION: u64 = 1;

impl Shard {
    pub(super) async fn check_ready(&self) -> Result<(), StoreDown> {
        self.take_the_way_of_a_heartbeat().await.map_err(|error| {
            self.rights.doubt(&error);
            StoreDown { store: "redis", address: self.connection.address(), reason: error.reason() }
        })
    }

    async fn take_the_way_of_a_heartbeat(&self) -> Result<(), Unavailable> {
        self.check_rights_once().await?;
        if let Some(records) = &self.records {
            let record = self.keys.ready_record();
            let (slot, mut pipeline) = (slot_of(record.as_bytes()), SlotPipeline::with_capacity(2));
            record_commands(&record).into_iter().for_each(|command| pipeline.add(slot, command));
            records.send_to_slots(&pipeline, |_| false).await?;
        }
        let mut pipeline = self.ready_pipeline();
        self.connection.request_confirmation(&mut pipeline);
        let mut reply = self.connection.send_each(&pipeline, |_| false).await?;
        self.connection.check_confirmation(&mut reply.replies)
    }

    /// A record that is put and removed, unless records are in slots of their own, and a commit of a state that the next one removes.
    fn ready_pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(8);
        let record = self.keys.ready_record();
        if self.records.is_none() {
            // Not ignored as in reads: the error of a database that is refused must be found.
            let (own, cache) = self.databases.unzip();
            cache.iter().for_each(|cache| _ = select(&mut pipeline, *cache));
            record_commands(&record).into_iter().for_each(|command| _ = pipeline.add_command(command));
            own.iter().for_each(|own| _ = select(&mut pipeline, *own));
        }
        let written = [state::version(VERSION).as_slice(), b"{}"].concat();
        pipeline.add_command(self.ready_commit(&[], &written));
        pipeline.add_command(self.ready_commit(&state::version(VERSION), b"-"));
        pipeline.cmd("EVALSHA").arg(&self.scripts.claim).arg(self.declared(1));
        pipeline.arg(&self.keys.due).arg(self.guard()).arg(0).arg(0).arg(0);
        pipeline.ignore_errors();
        pipeline
    }

    /// The commit of one state without extras, as commit.lua describes it.
    fn ready_commit(&self, expected: &[u8], state: &[u8]) -> Cmd {
        let mut call = Cmd::with_capacity(12, 512);
        call.arg("EVALSHA").arg(&self.scripts.commit).arg(self.declared(3));
        call.arg(&self.keys.due).arg(&self.keys.changes).arg(&self.keys.ready).arg(self.guard());
        call.arg(1).arg(0).arg("").arg(expected).arg(state).arg(0);
        call
    }
}

/// Put and remove a record.
fn record_commands(record: &str) -> [Cmd; 2] {
    let (mut put, mut remove) = (cmd("SETEX"), cmd("DEL"));
    put.arg(record).arg(1).arg("");
    remove.arg(record);
    [put, remove]
}
