//! The change log as Server-InDoubtCommit Events.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream;
use futures_util::stream::{BoxStream, StreamExt};
use poem::http::header;
use poem::web::sse::{Event, SSE};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::EventStream;
use poem_openapi::registry::{MetaResponses, Registry};

use super::encode;
use super::types::ChangeResponse;
use crate::presence::domain::Change;
use crate::presence::domain::identity::ScopeKey;
use crate::presence::service::change_feed::{Entry, FeedEvent, FeedSubscription};
use crate::presence::store::ChangeCursor;

/// How often a silent stream says that it is alive, and where it is.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whom a browser may watch.
#[derive(Debug)]
pub(super) struct WatchFilter {
    /// The only scope.
    pub scope: ScopeKey,
    /// The users in it, as text.
    pub ids: HashSet<String>,
    /// Whether the guard is a part of scopes.
    pub include_guard: bool,
}

impl WatchFilter {
    fn includes(&self, change: &Change) -> bool {
        let scope = || change.scope.key(self.include_guard);
        self.ids.contains(&change.user_id.to_string()) && scope().as_str() == self.scope.as_str()
    }
}

/// A caller that listens.
struct Listener {
    follower: FeedSubscription,
    watched: Option<WatchFilter>,
    greeted: bool,
}

impl Listener {
    /// The next event; `None` when the sidecar stops, and where entries were lost: who comes again is told so.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.greeted, true) {
            return Some(place(self.follower.position()));
        }
        let relevant = async {
            loop {
                match self.follower.next().await? {
                    FeedEvent::Entry(entry)
                        if self.watched.as_ref().is_none_or(|watched| watched.includes(&entry.1)) =>
                    {
                        return Some(event(&entry));
                    }
                    FeedEvent::Entry(_) => {}
                    FeedEvent::Trimmed(_) => return None,
                }
            }
        };
        match tokio::time::timeout(KEEP_ALIVE, relevant).await {
            Ok(event) => event,
            Err(_) => Some(place(self.follower.position())),
        }
    }
}

/// No event, but where the stream is: a browser that loses the connection comes back with it.
fn place(cursor: ChangeCursor) -> Event {
    Event::message("").id(cursor.to_string())
}

fn event(entry: &Entry) -> Event {
    let (cursor, change) = &**entry;
    let answer = ChangeResponse::new(*cursor, change);
    let mut json = Vec::with_capacity(320);
    encode::json(&answer, &mut json);
    let event = Event::message(String::from_utf8(json).unwrap_or_default());
    event.id(cursor.to_string()).event_type(answer.event.as_str())
}

/// Entries of the change log, for as long as the caller listens.
pub(super) struct ChangeStream(BoxStream<'static, Event>);

impl ChangeStream {
    /// What `follower` is told of `watched`, for as long as `lifetime`.
    pub(super) fn new(follower: FeedSubscription, watched: Option<WatchFilter>, lifetime: Option<Duration>) -> Self {
        let listener = Listener { follower, watched, greeted: false };
        let events = stream::unfold(listener, |mut listener| async { Some((listener.next().await?, listener)) });
        let end = async move {
            match lifetime {
                Some(lifetime) => tokio::time::sleep(lifetime).await,
                None => std::future::pending().await,
            }
        };
        Self(events.take_until(end).boxed())
    }
}

impl IntoResponse for ChangeStream {
    fn into_response(self) -> Response {
        let response = SSE::new(self.0).into_response();
        // Proxies that collect answers before they pass them on would keep everything back.
        response.with_header(header::CACHE_CONTROL, "no-cache").with_header("x-accel-buffering", "no").into_response()
    }
}

type Described = EventStream<BoxStream<'static, ChangeResponse>>;

impl ApiResponse for ChangeStream {
    fn meta() -> MetaResponses {
        let mut meta = Described::meta();
        meta.responses.iter_mut().for_each(|response| response.description = "Events as they happen");
        meta
    }

    fn register(registry: &mut Registry) {
        <Described as ApiResponse>::register(registry);
    }
}
