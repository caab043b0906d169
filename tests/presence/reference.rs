//! Presence by definition, second by second: slow, obvious, and nothing like the code it checks.

use std::collections::BTreeMap;

use presence_sidecar::presence::domain::{Status, Timestamp};

pub const TTL: i64 = 12;
pub const AWAY_AFTER: i64 = 9;

/// What can happen, in the reference's own words.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Heartbeat { session: u8, active: bool, sent: Option<i64> },
    Online { session: u8, active: bool, sent: Option<i64> },
    OfflineAll,
    OfflineOne { session: u8, sent: Option<i64> },
    Tick,
}

/// A user, remembered as a list of heartbeats.
#[derive(Debug)]
pub struct Reference {
    sessions: BTreeMap<u8, (i64, bool)>,
    /// The session, when its end was sent, and when that was heard of.
    ended: Option<(u8, i64, i64)>,
    status: Status,
    at: i64,
    pub log: Vec<(Status, i64)>,
}

impl Reference {
    pub fn new(start: Timestamp) -> Self {
        Self { sessions: BTreeMap::new(), ended: None, status: Status::Offline, at: start.secs(), log: Vec::new() }
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// The definition: online if any session is active and fresh, away if none is active but one is fresh.
    fn by_definition(&self, second: i64) -> Status {
        let age = |seen: i64| second - seen;
        if self.sessions.values().any(|&(seen, active)| active && age(seen) < AWAY_AFTER) {
            Status::Online
        } else if self.sessions.values().any(|&(seen, _)| age(seen) < TTL) {
            Status::Away
        } else {
            Status::Offline
        }
    }

    /// Whether this is a sign of life that was sent no later than the end that was heard of its session within a minute.
    fn is_stale(&self, event: &Event) -> bool {
        match *event {
            Event::Heartbeat { session, sent: Some(sent), .. } | Event::Online { session, sent: Some(sent), .. } => {
                self.ended.is_some_and(|(ended, end, heard)| ended == session && sent <= end && self.at - heard < 60)
            }
            _ => false,
        }
    }

    /// What is remembered of ends.
    fn note(&mut self, event: &Event) {
        match (*event, self.ended) {
            (Event::OfflineOne { session, sent: Some(sent) }, Some((ended, end, _)))
                if ended == session && sent <= end => {}
            (Event::OfflineOne { session, sent: Some(sent) }, _) => self.ended = Some((session, sent, self.at)),
            (
                Event::Heartbeat { session, sent: Some(_), .. } | Event::Online { session, sent: Some(_), .. },
                Some((ended, _, _)),
            ) if ended == session => self.ended = None,
            _ => {}
        }
    }

    pub fn happen(&mut self, event: &Event, now: Timestamp) {
        for second in self.at + 1..=now.secs() {
            let status = self.by_definition(second);
            if status != self.status {
                self.status = status;
                self.log.push((status, second * 1_000_000));
            }
        }
        self.at = now.secs();
        self.sessions.retain(|_, (seen, _)| now.secs() - *seen < TTL);
        if self.is_stale(event) {
            return;
        }
        self.note(event);
        let announce = match *event {
            Event::Heartbeat { session, active, .. } => {
                self.sessions.insert(session, (now.secs(), active));
                false
            }
            Event::Online { session, active, .. } => {
                self.sessions.insert(session, (now.secs(), active));
                true
            }
            Event::OfflineAll => {
                self.sessions.clear();
                true
            }
            Event::OfflineOne { session, .. } => {
                self.sessions.remove(&session);
                self.sessions.is_empty()
            }
            Event::Tick => false,
        };
        let status = self.by_definition(now.secs());
        if announce || status != self.status {
            self.status = status;
            self.log.push((status, now.micros()));
        }
    }
}
