//! The change log as Server-Sent Events.

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
use super::responses::ChangeResponse;
use crate::presence::domain::Change;
use crate::presence::domain::identity::ScopeKey;
use crate::presence::service::change_feed::{Entry, FeedEvent, FeedSubscription};
use crate::presence::store::ChangeCursor;

/// Interval of keep-alive messages on a stream without events; each has the current cursor.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The users that a browser may watch.
#[derive(Debug)]
pub(super) struct WatchFilter {
    /// The only scope.
    pub(super) scope: ScopeKey,
    /// The users in it, as text.
    pub(super) ids: HashSet<String>,
    /// Whether the guard is a part of scopes.
    pub(super) include_guard: bool,
}

impl WatchFilter {
    fn includes(&self, change: &Change) -> bool {
        let scope = || change.scope.key(self.include_guard);
        self.ids.contains(&change.user_id.to_string()) && scope().as_str() == self.scope.as_str()
    }
}

/// An open stream.
struct Subscriber {
    subscription: FeedSubscription,
    filter: Option<WatchFilter>,
    started: bool,
}

impl Subscriber {
    /// The next event. `None` ends the stream: the sidecar stops, or entries were trimmed before they were read; the
    /// client gets a 409 when it reconnects.
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.started, true) {
            return Some(keep_alive(self.subscription.position()));
        }
        let relevant = async {
            loop {
                match self.subscription.next().await? {
                    FeedEvent::Entry(entry) if self.filter.as_ref().is_none_or(|filter| filter.includes(&entry.1)) => {
                        return Some(event(&entry));
                    }
                    FeedEvent::Entry(_) => {}
                    FeedEvent::Trimmed(_) => return None,
                }
            }
        };
        match tokio::time::timeout(KEEP_ALIVE, relevant).await {
            Ok(event) => event,
            Err(_) => Some(keep_alive(self.subscription.position())),
        }
    }
}

/// A message without an event, with the cursor that a browser sends when it reconnects.
fn keep_alive(cursor: ChangeCursor) -> Event {
    Event::message("").id(cursor.to_string())
}

fn event(entry: &Entry) -> Event {
    let (cursor, change) = &**entry;
    let response = ChangeResponse::new(*cursor, change);
    let mut json = Vec::with_capacity(320);
    encode::json(&response, &mut json);
    let event = Event::message(String::from_utf8(json).unwrap_or_default());
    event.id(cursor.to_string()).event_type(response.event.as_str())
}

/// A response with the entries of the change log as they are recorded.
pub(super) struct ChangeStream(BoxStream<'static, Event>);

impl ChangeStream {
    /// The entries of `subscription` that `filter` includes, for the time `lifetime`; without one until the client
    /// disconnects.
    pub(super) fn new(subscription: FeedSubscription, filter: Option<WatchFilter>, lifetime: Option<Duration>) -> Self {
        let subscriber = Subscriber { subscription, filter, started: false };
        let events =
            stream::unfold(subscriber, |mut subscriber| async { Some((subscriber.next().await?, subscriber)) });
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
        // Proxies that buffer responses would hold all events back.
        response.with_header(header::CACHE_CONTROL, "no-cache").with_header("x-accel-buffering", "no").into_response()
    }
}

type Documented = EventStream<BoxStream<'static, ChangeResponse>>;

impl ApiResponse for ChangeStream {
    fn meta() -> MetaResponses {
        let mut meta = Documented::meta();
        meta.responses.iter_mut().for_each(|response| response.description = "Events as they happen");
        meta
    }

    fn register(registry: &mut Registry) {
        <Documented as ApiResponse>::register(registry);
    }
}
