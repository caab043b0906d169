//! The change log as Server-Sent Events.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use poem::http::header;
use poem::web::sse::Event;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::EventStream;
use poem_openapi::registry::{MetaResponses, Registry};
use uuid::Uuid;

use super::types::ChangeAnswer;
use super::write;
use crate::presence::feed::{Followed, Follower};
use crate::presence::identity::ScopeKey;
use crate::presence::model::Change;

/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whom a browser may watch.
#[derive(Debug)]
pub(super) struct Watched {
    /// The only scope.
    pub scope: ScopeKey,
    /// The users in it, as text.
    pub ids: HashSet<String>,
    /// Whether the guard is a part of scopes.
    pub include_guard: bool,
}

impl Watched {
    fn includes(&self, change: &Change) -> bool {
        let scope = || change.scope.key(self.include_guard);
        self.ids.contains(&change.user_id.to_string()) && scope().as_str() == self.scope.as_str()
    }
}

/// What `follower` is told of `watched`, for as long as `lifetime`. It also ends where entries were lost: who comes again
/// is told so.
pub(super) fn events(
    follower: Follower,
    watched: Option<Watched>,
    installation: Uuid,
    lifetime: Option<Duration>,
) -> ChangeStream {
    let entries = stream::unfold(follower, |mut follower| async {
        match follower.next().await {
            Some(Followed::Entry(entry)) => Some((entry, follower)),
            Some(Followed::Trimmed(_)) | None => None,
        }
    });
    let answers = entries.filter_map(move |entry| {
        let (cursor, change) = &*entry;
        let told = watched.as_ref().is_none_or(|watched| watched.includes(change));
        std::future::ready(told.then(|| ChangeAnswer::new(&installation, *cursor, change)))
    });
    let end = async move {
        match lifetime {
            Some(lifetime) => tokio::time::sleep(lifetime).await,
            None => std::future::pending().await,
        }
    };
    let events = EventStream::new(answers.take_until(end).boxed()).keep_alive(KEEP_ALIVE).to_event(|answer| {
        let mut json = Vec::with_capacity(320);
        write::json(&answer, &mut json);
        let event = Event::message(String::from_utf8(json).unwrap_or_default());
        event.id(answer.cursor.to_string()).event_type(answer.event.as_str())
    });
    ChangeStream(events)
}

/// Entries of the change log, for as long as the caller listens.
pub(super) struct ChangeStream(EventStream<BoxStream<'static, ChangeAnswer>>);

impl IntoResponse for ChangeStream {
    fn into_response(self) -> Response {
        let response = self.0.into_response();
        // Proxies that collect answers before they pass them on would keep everything back.
        response.with_header(header::CACHE_CONTROL, "no-cache").with_header("x-accel-buffering", "no").into_response()
    }
}

impl ApiResponse for ChangeStream {
    fn meta() -> MetaResponses {
        let mut meta = EventStream::<BoxStream<'static, ChangeAnswer>>::meta();
        meta.responses.iter_mut().for_each(|response| response.description = "Events as they happen");
        meta
    }

    fn register(registry: &mut Registry) {
        <EventStream<BoxStream<'static, ChangeAnswer>> as ApiResponse>::register(registry);
    }
}
