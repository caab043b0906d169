//! A fan-out as jobs of the queue: split by lane, encoded and decoded.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::fanout::{Fanout, fanout_id};
use crate::messaging::domain::ClientId;

/// The name of the queue. The names of webhook endpoints contain no space, so theirs never collide with it.
pub const QUEUE: &str = "fan out";

/// Number of lanes, and of jobs that run at the same time. It is small, since a publication to many clients has a job in
/// each lane. A changed number breaks the order of jobs that are queued at that time.
pub const LANES: u8 = 4;

/// Maximum number of recipients of one job.
const MAX_RECIPIENTS: usize = 500;

/// A job as it is stored in the queue, before encryption.
#[derive(Serialize, Deserialize)]
struct StoredFanout {
    id: String,
    from: Option<String>,
    kind: String,
    payload: String,
    recipients: Vec<String>,
}

impl Fanout {
    /// Splits a fan-out into its jobs, each with its lane.
    pub(super) fn split(&self) -> Vec<(String, Self)> {
        let mut lanes = vec![Vec::new(); usize::from(LANES)];
        for recipient in &self.recipients {
            lanes[usize::from(lane(recipient))].push(recipient.clone());
        }
        let jobs_of_lane = |(lane, recipients): (usize, Vec<ClientId>)| {
            let job = |(index, recipients): (usize, &[ClientId])| Self {
                id: fanout_id(&[&self.id, &lane.to_string(), &index.to_string()]),
                from: self.from.clone(),
                kind: self.kind.clone(),
                payload: self.payload.clone(),
                recipients: recipients.to_vec(),
            };
            let chunks = recipients.chunks(MAX_RECIPIENTS).enumerate();
            chunks.map(|chunk| (lane.to_string(), job(chunk))).collect::<Vec<_>>()
        };
        lanes.into_iter().enumerate().flat_map(jobs_of_lane).collect()
    }
}

/// Encodes a fan-out as the content of a job.
pub(super) fn encode(fanout: &Fanout) -> Zeroizing<Vec<u8>> {
    let text = |id: &ClientId| id.as_str().to_owned();
    let stored = StoredFanout {
        id: fanout.id.clone(),
        from: fanout.from.as_ref().map(text),
        kind: fanout.kind.clone(),
        payload: fanout.payload.clone(),
        recipients: fanout.recipients.iter().map(text).collect(),
    };
    Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_else(|error| unreachable!("only texts: {error}")))
}

/// Decodes the content of a job.
pub(super) fn decode(plain: &[u8]) -> Option<Fanout> {
    let StoredFanout { id, from, kind, payload, recipients } = serde_json::from_slice(plain).ok()?;
    let recipients = recipients.iter().map(|id| ClientId::parse(id)).collect::<Option<_>>()?;
    Some(Fanout { id, from: from.as_deref().and_then(ClientId::parse), kind, payload, recipients })
}

/// The lane of a client's messages. It does not depend on the case of the id, since some databases ignore case.
fn lane(client: &ClientId) -> u8 {
    Sha256::digest(client.as_str().to_ascii_lowercase())[0] % LANES
}
