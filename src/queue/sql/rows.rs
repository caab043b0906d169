//! The columns of the queues' tables.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::queue::{Attempts, Job, JobInfo, JobState, ListCursor};
use crate::storage::sql;
use crate::storage::sql::Row;

/// Reads a row of the statement `heads`, from its second column.
pub(super) fn read_job(row: &Row, lease: i64) -> sql::Result<Job> {
    Ok(Job {
        id: row.text(1)?,
        lane: row.text(2)?,
        payload: row.bytes(3)?,
        attempts: Attempts::from_json(row.text(4)?.as_bytes()),
        age: Duration::from_millis(u64::try_from(row.int(5)?).unwrap_or(0)),
        lease: u64::try_from(lease).unwrap_or(0),
    })
}

/// Reads a row of the statements `pending` and `dead`.
pub(super) fn read_job_info(row: &Row, state: JobState) -> sql::Result<JobInfo> {
    let id = row.text(0)?;
    Ok(JobInfo {
        lane: row.text(1)?,
        payload: row.bytes(2)?,
        attempts: Attempts::from_json(row.text(3)?.as_bytes()),
        pushed_at: row.int(5)?,
        next_at: if state == JobState::Pending { row.int_or_null(6)? } else { None },
        cursor: ListCursor { at: row.int(4)?, id: id.clone() },
        id,
    })
}

/// Returns the key of a lane in the tables: a hash, since names of lanes have any length and any characters.
pub(super) fn lane_key(queue: &str, lane: &str) -> String {
    let hash = Sha256::new().chain_update(queue.len().to_le_bytes()).chain_update(queue).chain_update(lane);
    hex::encode(hash.finalize())
}

/// Returns whole milliseconds, at most a quarter of the range, so that they can be added to a time.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
