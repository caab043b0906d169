//! Response bodies of fan-out jobs.

use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::messaging::service::JobView;
use crate::php::date;

/// The state of a fan-out job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "FanOutState", rename_all = "lowercase")]
pub enum FanoutState {
    /// Waiting, or in progress.
    Pending,
    /// In the dead letters.
    Dead,
}

/// Fan-out jobs, oldest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOuts")]
pub struct FanoutJobsResponse {
    /// At most 100 jobs.
    data: Vec<FanoutJobResponse>,
}

/// A part of a publication: a message to some of its recipients.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOut")]
pub struct FanoutJobResponse {
    /// The id of the job.
    id: String,
    /// The type of the message; null if the job does not decrypt.
    r#type: Option<String>,
    /// Number of recipients; null if the job does not decrypt.
    recipients: Option<usize>,
    /// The time at which it was queued.
    queued_at: String,
    /// The time of the next attempt; null for a dead letter, and for a job that waits behind another one.
    next_try_at: Option<String>,
    /// Number of failed attempts.
    tries: u32,
    /// The error of the last attempt.
    last: Option<String>,
}

/// A replay of dead letters.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOutsReplayed")]
pub struct FanoutReplayResponse {
    /// Number of jobs that were queued again.
    pub replayed: usize,
}

impl From<Vec<JobView>> for FanoutJobsResponse {
    fn from(jobs: Vec<JobView>) -> Self {
        Self { data: jobs.into_iter().map(FanoutJobResponse::from).collect() }
    }
}

impl From<JobView> for FanoutJobResponse {
    fn from(JobView { job, summary }: JobView) -> Self {
        let time = |millis: i64| date::to_json(millis.saturating_mul(1_000));
        let (kind, recipients) = summary.unzip();
        Self {
            id: job.id,
            r#type: kind,
            recipients,
            queued_at: time(job.pushed_at),
            next_try_at: job.next_at.map(time),
            tries: job.attempts.count,
            last: Some(job.attempts.last).filter(|last| !last.is_empty()),
        }
    }
}
