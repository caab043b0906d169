//! An open connection as a sign of life: while it is open, its session beats by itself.
//!
//! A beat keeps what the page said last, since any replica may have recorded it: whether the session is active, and the meta.
//! When the connection ends, the session ends after a grace, unless another connection or a heartbeat has continued it; so a
//! reload is no transition. If the process stops, or dies, no session ends: the client comes back, or its heartbeats time out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Presence;
use super::commit::PresenceCommand;
use crate::presence::domain::identity::{Meta, SessionId, Subject};
use crate::presence::domain::{Cause, Heartbeat, Input, Session, State, Timestamp};
use crate::presence::store::Result;

/// The second beat: later than the first one by whole seconds, so that it tells a new connection from the one before.
const SECOND_BEAT: Duration = Duration::from_secs(2);
/// The longest pause between two beats.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// How connections count.
#[derive(Clone, Debug)]
pub struct ConnectionRules {
    /// How long the session outlives its connection.
    pub grace: Duration,
    /// Cancelled when the process stops: sessions go on then.
    pub stop: CancellationToken,
}

/// The session of a connection.
#[derive(Clone, Debug)]
pub struct ConnectedSession {
    /// The user.
    pub subject: Subject,
    /// The session.
    pub session: SessionId,
    /// Whether the user is active, as the page says when it connects.
    pub active: bool,
    /// The meta of the connection.
    pub meta: Meta,
}

/// Keeps a session alive until it is dropped.
#[derive(Debug)]
pub struct ConnectionGuard(
    #[expect(dead_code, reason = "the other end notices that it is dropped")] oneshot::Sender<()>,
);

/// What is known of the session at a beat.
enum Known {
    /// It is there.
    Fresh(Session, Meta),
    /// It timed out, or its state was lost.
    Lapsed,
    /// A call ended it, such as a logout elsewhere.
    Ended,
}

impl ConnectedSession {
    /// Begins to beat, and returns the guard of the connection.
    pub fn connect(self, presence: Arc<Presence>, rules: ConnectionRules) -> ConnectionGuard {
        let (guard, closed) = oneshot::channel();
        tokio::spawn(self.beat_until_closed(presence, rules, closed));
        ConnectionGuard(guard)
    }

    async fn beat_until_closed(
        self,
        presence: Arc<Presence>,
        rules: ConnectionRules,
        mut closed: oneshot::Receiver<()>,
    ) {
        // On the heap while they last: the task waits nearly all of its life, and there is one for each connection.
        let mut is_alive = Box::pin(self.beat(&presence, self.active, self.meta.clone())).await.is_ok();
        let mut pause = presence.beat_interval().min(SECOND_BEAT);
        loop {
            tokio::select! {
                _ = &mut closed => break,
                () = rules.stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = presence.beat_interval().min(MAX_PAUSE).mul_f64(0.9 + rand::random::<f64>() / 10.0);
            match Box::pin(self.continue_session(&presence, is_alive)).await {
                Some(alive) => is_alive = alive,
                None => return,
            }
        }
        let closed_at = presence.now();
        tokio::select! {
            () = rules.stop.cancelled() => return,
            () = tokio::time::sleep(rules.grace) => {}
        }
        Box::pin(self.end(&presence, closed_at)).await;
    }

    /// Beats again. Returns whether a beat has arrived so far; `None` if a call has ended the session.
    async fn continue_session(&self, presence: &Presence, is_alive: bool) -> Option<bool> {
        match self.known(presence).await {
            Ok(Known::Fresh(session, meta)) => _ = self.beat(presence, session.active, meta).await,
            Ok(Known::Lapsed) => _ = self.beat(presence, self.active, self.meta.clone()).await,
            Ok(Known::Ended) if is_alive => return None,
            // The first beat did not arrive.
            Ok(Known::Ended) => return Some(self.beat(presence, self.active, self.meta.clone()).await.is_ok()),
            Err(error) => tracing::debug!(error = error.reason(), "a beat of a connection waits for the store"),
        }
        Some(is_alive)
    }

    /// Ends the session, unless it was continued after `closed_at`.
    async fn end(&self, presence: &Presence, closed_at: Timestamp) {
        if let Ok(Known::Fresh(session, meta)) = self.known(presence).await
            && session.seen <= closed_at
        {
            let input = Input::Offline { session: Some(self.session.clone()), meta, sent_at: None };
            _ = presence.apply(PresenceCommand { subject: self.subject.clone(), input, trace: None }).await;
        }
    }

    async fn beat(&self, presence: &Presence, active: bool, meta: Meta) -> Result<()> {
        let heartbeat = Heartbeat { session: self.session.clone(), active, meta, sent_at: None };
        let command =
            PresenceCommand { subject: self.subject.clone(), input: Input::Heartbeat(heartbeat), trace: None };
        presence.apply(command).await.map(drop)
    }

    async fn known(&self, presence: &Presence) -> Result<Known> {
        let key = &self.subject.key;
        if let Some(State { sessions, meta, .. }) = presence.state(key.clone()).await?
            && let Some(session) = sessions.into_iter().find(|session| session.id == self.session)
        {
            return Ok(Known::Fresh(session, meta));
        }
        let last = presence.history(key, 1).await?.into_iter().next().and_then(|(_, change)| change.cause);
        Ok(match last {
            Some(Cause::Offline | Cause::SessionEnd | Cause::RecordForgotten) => Known::Ended,
            _ => Known::Lapsed,
        })
    }
}
