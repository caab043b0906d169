//! Fan-out jobs as operators read them.

use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::messaging::service::JobView;
use crate::php::date;

/// Whether a job is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "FanOutState", rename_all = "lowercase")]
pub enum FanoutState {
    /// It is.
    Pending,
    /// It was given up.
    Dead,
}

/// Fan-out jobs, the oldest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOuts")]
pub struct FanoutJobsResponse {
    /// At most 100.
    data: Vec<FanoutJobResponse>,
}

/// A part of a publication: a message for some of its clients.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOut")]
pub struct FanoutJobResponse {
    /// Its name.
    id: String,
    /// What the message is about; null if the job does not decrypt.
    r#type: Option<String>,
    /// How many clients it is for; likewise.
    recipients: Option<usize>,
    /// When it was queued.
    queued_at: String,
    /// When it is tried next; null for one that was given up, and for one that waits behind another.
    next_try_at: Option<String>,
    /// How often it was tried in vain.
    tries: u32,
    /// What the last try led to.
    last: Option<String>,
}

/// How many jobs were queued again.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FanOutsReplayed")]
pub struct FanoutReplayResponse {
    /// So many.
    pub replayed: usize,
}

impl From<Vec<JobView>> for FanoutJobsResponse {
    fn from(jobs: Vec<JobView>) -> Self {
        Self { data: jobs.into_iter().map(FanoutJobResponse::from).collect() }
    }
}

impl From<JobView> for FanoutJobResponse {
    fn from(JobView { job, about }: JobView) -> Self {
        let moment = |millis: i64| date::to_json(millis.saturating_mul(1_000));
        let (kind, recipients) = about.unzip();
        Self {
            id: job.id,
            r#type: kind,
            recipients,
            queued_at: moment(job.pushed_at),
            next_try_at: job.next_at.map(moment),
            tries: job.attempts.count,
            last: Some(job.attempts.last).filter(|last| !last.is_empty()),
        }
    }
}
