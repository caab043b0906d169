//! Explanations: why a user has a status, and what would change it, in sentences for people.

use super::cause::Cause;
use super::change::Change;
use super::identity::UserKey;
use super::record::{RecordLookup, ValueForm};
use super::state::State;
use super::status::Status;
use super::time::{Timestamp, Windows};
use crate::php::date;

/// What is known of a user, and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The status that responses give.
    pub status: Status,
    /// What time alone changes next; `None` for a user who is offline.
    pub next: Option<(Status, Timestamp)>,
    /// Why the user has the status, most important first.
    pub reasons: Vec<String>,
    /// What would change it.
    pub remedies: Vec<String>,
}

/// What is stored about a user.
#[derive(Clone, Copy, Debug)]
pub struct KnownFacts<'a> {
    /// The key.
    pub key: &'a UserKey,
    /// The state, with the refreshes that are in the record alone.
    pub state: Option<&'a State>,
    /// The Laravel record.
    pub record: &'a RecordLookup,
    /// The newest changes in the log, newest first.
    pub changes: &'a [Change],
    /// The status that responses give.
    pub status: Status,
}

impl Explanation {
    /// Explains the status of a user at `now`.
    pub fn new(facts: &KnownFacts<'_>, windows: &Windows, now: Timestamp) -> Self {
        let next = facts.state.filter(|_| facts.status.is_present()).and_then(|state| next(state, windows, now));
        let last = facts.changes.first();
        let mut reasons = Vec::new();
        match last.filter(|change| change.status == facts.status) {
            Some(last) => {
                // An explicit call announces a status again that began for another reason.
                let began = facts.changes.iter().find(|change| change.status != change.previous).unwrap_or(last);
                reasons.push(reason(began, windows));
                reasons.extend((began.seq != last.seq).then(|| format!("Then: {}", reason(last, windows))));
            }
            None => reasons.extend(unrecorded(facts, windows, now)),
        }
        reasons.extend(last.and_then(|change| clock_remark(change, windows, now)));
        reasons.extend(record_remarks(facts));
        Self { status: facts.status, next, reasons, remedies: remedies(facts.status, next) }
    }
}

/// What time alone changes next.
fn next(state: &State, windows: &Windows, now: Timestamp) -> Option<(Status, Timestamp)> {
    let away = state.online_until(windows).filter(|at| *at > now).map(|at| (Status::Away, at));
    match state.status {
        Status::Online => away.or_else(|| Some((Status::Offline, state.present_until(windows)?))),
        Status::Away => Some((Status::Offline, state.present_until(windows)?)),
        Status::Offline => None,
    }
}

/// Why a change was recorded.
fn reason(change: &Change, windows: &Windows) -> String {
    let at = moment(change.occurred_at);
    let (away_after, ttl) = (windows.away_after.secs(), windows.ttl.secs());
    match (change.cause, change.status) {
        (Some(Cause::Heartbeat), Status::Away) => {
            format!("A heartbeat at {at} said that no session is active: its pages are hidden or idle.")
        }
        (Some(Cause::Heartbeat), _) => format!("A heartbeat of an active session came at {at}."),
        (Some(Cause::Online), _) => format!("An explicit call of online() came at {at}."),
        (Some(Cause::Offline), _) => {
            format!("An explicit call of offline() at {at} ended all sessions, as a logout does.")
        }
        (Some(Cause::SessionEnd), Status::Away) => {
            format!("The last active session ended at {at}; other sessions are there, but not active.")
        }
        (Some(Cause::SessionEnd), _) => {
            format!("The last session ended at {at}: its page was closed, or a call of offline() named it.")
        }
        (Some(Cause::AwayAfter), _) => format!(
            "No heartbeat of an active session came for {away_after} s (cache.away_after_seconds) until {at}: the page was \
             hidden, or it sends none."
        ),
        (Some(Cause::Ttl), _) => format!(
            "No heartbeat came for {ttl} s (cache.ttl_seconds) until {at}: the device sleeps or has no network, its page is \
             gone without a farewell, or the sidecar that it calls was not reachable."
        ),
        (Some(Cause::RecordForgotten), _) => format!(
            "The app removed the Laravel record before its time, which was noticed at {at}: offline() of the PHP package, \
             Cache::forget() or `php artisan cache:clear` does so."
        ),
        (Some(Cause::RecordAdopted), _) => {
            format!("The app itself wrote a newer Laravel record, with a heartbeat of {at}.")
        }
        (Some(Cause::Clock), _) => format!("The clock of the store was set back; the status was corrected at {at}."),
        (Some(Cause::Reconciled), _) => {
            format!("The stored state was lost, and lists that still named the user were corrected at {at}.")
        }
        (None, status) => format!("The status {} was recorded at {at}; its cause was not.", status.as_str()),
    }
}

/// Why a user has a status that the newest entry of the log does not tell.
fn unrecorded(facts: &KnownFacts<'_>, windows: &Windows, now: Timestamp) -> Vec<String> {
    match (facts.state, facts.record) {
        (None, RecordLookup::Missing | RecordLookup::Unknown) => vec![format!(
            "Nothing is known under the key {}: no heartbeat came for this id in this scope, or the user has been offline \
             for more than {} days (presence.remember_days). Compare tenant, location, domain and guard, and the prefixes of \
             Redis and cache, with those of the app.",
            facts.key.as_str(),
            windows.remember.secs() / 86_400
        )],
        (None, RecordLookup::Found(record)) if record.last_seen.plus(windows.ttl) <= now => vec![format!(
            "The app's Laravel record has a heartbeat of {}, which is older than {} s (cache.ttl_seconds).",
            moment(record.last_seen),
            windows.ttl.secs()
        )],
        (None, RecordLookup::Found(record)) => vec![format!(
            "The app wrote a Laravel record with a heartbeat of {}; the sidecar adopts it with the next call.",
            moment(record.last_seen)
        )],
        (Some(state), RecordLookup::Missing) if state.status.is_present() && !facts.status.is_present() => {
            let expired = state.present_until(windows).is_some_and(|until| until <= now);
            let why = if expired { "has expired" } else { "was removed before its time, as Cache::forget() does" };
            vec![format!("The Laravel record {why}; the sweep or the next call records it.")]
        }
        (Some(state), _) if state.status != facts.status => {
            vec![format!(
                "Time has passed since the status {} was recorded; the sweep records it.",
                state.status.as_str()
            )]
        }
        (Some(state), _) => {
            vec![format!("The status began at {}; the change log no longer has the entry.", moment(state.since))]
        }
        (None, RecordLookup::Unreadable(_)) => Vec::new(),
    }
}

/// A change that is dated in the future, further than the clocks of hosts differ.
fn clock_remark(change: &Change, windows: &Windows, now: Timestamp) -> Option<String> {
    (change.occurred_at > now.plus(windows.margin())).then(|| {
        format!(
            "The clock of the store was set back: the last change is dated {}, and it is {}. Times without a heartbeat count \
             again from the moment at which the sidecar notices.",
            moment(change.occurred_at),
            moment(now)
        )
    })
}

/// What the Laravel record adds.
fn record_remarks(facts: &KnownFacts<'_>) -> Option<String> {
    match facts.record {
        RecordLookup::Unreadable(ValueForm::Other) => Some(
            "The value at the key of the Laravel record is not a presence record, and reads as offline.".to_owned(),
        ),
        RecordLookup::Unreadable(form) => Some(format!(
            "The Laravel record is packed with {}, which is not read: remove that option from the Redis connection of the \
             app's cache.",
            form.name()
        )),
        RecordLookup::Unknown | RecordLookup::Missing | RecordLookup::Found(_) => None,
    }
}

fn remedies(status: Status, next: Option<(Status, Timestamp)>) -> Vec<String> {
    let by_time =
        next.map(|(status, at)| format!("Without a heartbeat the user is {} at {}.", status.as_str(), moment(at)));
    let by_call = match status {
        Status::Online => "offline() ends the presence at once; the end of its last session does, too.",
        Status::Away => "A heartbeat of an active session puts the user online at once.",
        Status::Offline => "A heartbeat of any session, or online(), puts the user online at once.",
    };
    by_time.into_iter().chain([by_call.to_owned()]).collect()
}

fn moment(at: Timestamp) -> String {
    date::to_json(at.micros())
}
