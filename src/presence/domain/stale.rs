//! HeartbeatsRequest that come late: they were sent before their session ended, and the end has overtaken them.
//!
//! A page that is closed says so while a heartbeat of it may still be on its way, over another connection and through
//! another process of the application. Only who sent both knows their order, and tells it with `sent_at`, by the clock
//! of the device. So that time is remembered of the session that ended last, and a heartbeat of that session that was
//! sent no later changes nothing. One session is enough, and it for a minute: what is on its way is so for a moment, and
//! a device whose clock is set back must not be silenced. A newer heartbeat of that session lets it be forgotten; one that
//! tells no time cannot be late, and counts as ever.
//!
//! An end may come before anything else is known of its session, or of its user. It is remembered all the same.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::identity::SessionId;
use super::{DeviceTime, Heartbeat, Span, State, Timestamp};

/// So long a heartbeat may be on its way.
const MAX_TRANSIT: Span = Span::from_secs(60);

/// The end of a session that told when it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// The session.
    #[serde(rename = "i")]
    pub session: SessionId,
    /// When its end was sent.
    #[serde(rename = "t")]
    pub sent_at: DeviceTime,
    /// When that was heard of, to the second.
    #[serde(rename = "h")]
    pub received_at: Timestamp,
}

impl SessionEnd {
    /// How `beat` lies to this end in time; `None` if it is of another session, or tells no time.
    fn order(&self, beat: &Heartbeat) -> Option<Ordering> {
        let sent_at = beat.sent_at.filter(|_| beat.session == self.session)?;
        Some(sent_at.cmp(&self.sent_at))
    }
}

impl State {
    /// Whether `beat` was sent no later than the end of its session, and may have been on its way since.
    pub fn is_stale(&self, beat: &Heartbeat, now: Timestamp) -> bool {
        let recent = |ended: &&SessionEnd| now.seconds_apart(ended.received_at) < MAX_TRANSIT.secs();
        self.ended.as_ref().filter(recent).and_then(|ended| ended.order(beat)).is_some_and(Ordering::is_le)
    }

    /// Whether the remembered end says anything about `beat`: that it is late, or that the end can be forgotten.
    pub(super) fn remembers_end_of(&self, beat: &Heartbeat) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.order(beat).is_some())
    }

    /// Remembers the end of `session`; whether that is news.
    pub(super) fn remember_end(&mut self, session: &SessionId, sent_at: DeviceTime, now: Timestamp) -> bool {
        let news = self.ended.as_ref().is_none_or(|known| known.session != *session || known.sent_at < sent_at);
        if news {
            self.ended = Some(SessionEnd { session: session.clone(), sent_at, received_at: now.whole_second() });
        }
        news
    }
}
