//! Stale heartbeats: sent before their session ended, and received after that.
//!
//! A page that is closed sends the end of its session while a heartbeat of it may still be in transit, over another
//! connection and through another process of the application. Only the sender knows their order, and gives it in
//! `sent_at`, by the clock of the device. So the time of the end is kept of the session that ended last, and a heartbeat
//! of that session that was sent no later changes nothing. One session is enough, and one minute: a request is in transit
//! for a moment, and a device whose clock is set back must not be silenced. A newer heartbeat of that session removes
//! the end; a heartbeat without `sent_at` is never stale.
//!
//! An end may arrive before anything else is known of its session, or of its user. It is kept all the same.

use std::cmp::Ordering;

use super::identity::SessionId;
use super::input::Heartbeat;
use super::session::SessionEnd;
use super::state::State;
use super::time::{DeviceTime, Span, Timestamp};

/// How long a heartbeat may be in transit.
const MAX_TRANSIT: Span = Span::from_secs(60);

impl SessionEnd {
    /// The order of `heartbeat` and this end; `None` if it is of another session, or has no time.
    fn order(&self, heartbeat: &Heartbeat) -> Option<Ordering> {
        let sent_at = heartbeat.sent_at.filter(|_| heartbeat.session == self.session)?;
        Some(sent_at.cmp(&self.sent_at))
    }
}

impl State {
    /// Whether `heartbeat` was sent no later than the end of its session, and may have been in transit since.
    pub fn is_stale(&self, heartbeat: &Heartbeat, now: Timestamp) -> bool {
        let recent = |ended: &&SessionEnd| now.seconds_apart(ended.received_at) < MAX_TRANSIT.secs();
        self.ended.as_ref().filter(recent).and_then(|ended| ended.order(heartbeat)).is_some_and(Ordering::is_le)
    }

    /// Whether the kept end is one of the session of `heartbeat`, which then is stale, or removes the end.
    pub(super) fn remembers_end_of(&self, heartbeat: &Heartbeat) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.order(heartbeat).is_some())
    }

    /// Keeps the end of `session`; returns whether it is a new one.
    pub(super) fn remember_end(&mut self, session: &SessionId, sent_at: DeviceTime, now: Timestamp) -> bool {
        let is_new = self.ended.as_ref().is_none_or(|known| known.session != *session || known.sent_at < sent_at);
        if is_new {
            self.ended = Some(SessionEnd { session: session.clone(), sent_at, received_at: now.whole_second() });
        }
        is_new
    }
}
