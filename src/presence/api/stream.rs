//! The change log as Server-Sent Events.

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use futures_util::stream::{BoxStream, StreamExt};
use poem::http::header;
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use tokio_util::sync::CancellationToken;

use super::encode;
use super::event_source::closing;
use super::responses::ChangeResponse;
use super::stream_limits::StreamPermit;
use super::watched::WatchFilter;
use crate::presence::domain::Change;
use crate::presence::service::change_feed::{FeedEvent, FeedSubscription, PageSlice};
use crate::presence::store::ChangeCursor;

/// Interval of [place] events on a stream without changes.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a stream may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamLifetime {
    /// In all; `None` until the client disconnects.
    pub(super) total: Option<Duration>,
    /// While the client does not take what was sent.
    pub(super) stall: Duration,
}

/// An open stream.
struct Subscriber {
    subscription: FeedSubscription,
    filter: Option<WatchFilter>,
    stall: Duration,
    /// When the last text was handed over; `None` before the first one.
    sent: Option<Instant>,
    _permit: StreamPermit,
}

impl Subscriber {
    /// The next text. `None` ends the stream: the sidecar stops, the client did not take the last text in time, or the
    /// position is gone; the client then continues from its cursor, or gets a 409.
    async fn next(&mut self) -> Option<Bytes> {
        // The server asks for the next text when it has a place for it: the client has taken most of the others.
        match self.sent {
            None => return Some(self.send(place(self.subscription.position()))),
            Some(sent) if sent.elapsed() > self.stall => {
                tracing::debug!("closed a stream whose client reads too slowly");
                return None;
            }
            Some(_) => {}
        }
        let relevant = async {
            loop {
                let filter = self.filter.as_ref();
                match self.subscription.next(|entry| filter.is_none_or(|filter| filter.includes(entry))).await? {
                    FeedEvent::Page(slice) => {
                        let text = self.filter.as_ref().map_or_else(|| whole(&slice), |filter| part(&slice, filter));
                        if !text.is_empty() {
                            return Some(text);
                        }
                    }
                    FeedEvent::Gone(_) => return None,
                }
            }
        };
        let text = match tokio::time::timeout(KEEP_ALIVE, relevant).await {
            Ok(text) => text?,
            Err(_) => place(self.subscription.position()),
        };
        Some(self.send(text))
    }

    fn send(&mut self, text: Bytes) -> Bytes {
        self.sent = Some(Instant::now());
        text
    }
}

/// The text of all entries.
fn whole(slice: &PageSlice) -> Bytes {
    slice.page.text_from(slice.first)
}

/// The text of the entries that a browser may see.
fn part(slice: &PageSlice, filter: &WatchFilter) -> Bytes {
    let mut text = Vec::new();
    for entry in slice.entries().iter().filter(|entry| filter.includes(entry)) {
        text.extend_from_slice(slice.page.text_of(entry));
    }
    text.into()
}

/// An event with the cursor that a client sends when it reconnects. It has data, since many clients ignore an id without.
fn place(cursor: &ChangeCursor) -> Bytes {
    format!("id: {cursor}\nevent: place\ndata: {{\"cursor\":\"{cursor}\"}}\n\n").into()
}

/// Appends an entry as an event: JSON has no line breaks.
pub fn encode_event(cursor: &ChangeCursor, change: &Change, out: &mut Vec<u8>) {
    let response = ChangeResponse::new(cursor, change);
    // Writing into a Vec cannot fail.
    _ = write!(out, "id: {cursor}\nevent: {}\ndata: ", response.event.as_str());
    encode::json(&response, out);
    out.extend_from_slice(b"\n\n");
}

/// A response with the entries of the change log as they are recorded.
pub(super) struct ChangeStream(BoxStream<'static, Bytes>);

impl ChangeStream {
    /// The entries of `subscription` that `filter` includes.
    pub(super) fn new(
        subscription: FeedSubscription,
        filter: Option<WatchFilter>,
        lifetime: StreamLifetime,
        permit: StreamPermit,
    ) -> Self {
        let StreamLifetime { total, stall } = lifetime;
        let subscriber = Subscriber { subscription, filter, stall, sent: None, _permit: permit };
        let texts = stream::unfold(subscriber, |mut subscriber| async { Some((subscriber.next().await?, subscriber)) });
        let end = async move {
            match total {
                Some(total) => tokio::time::sleep(total).await,
                None => std::future::pending().await,
            }
        };
        Self(texts.take_until(end).boxed())
    }
}

impl ChangeStream {
    /// A stream with one text, which says why there is no other.
    pub(super) fn refused(text: Bytes) -> Self {
        Self(stream::once(async { text }).boxed())
    }

    /// Sends `texts` first.
    pub(super) fn with_opening(self, texts: Vec<Bytes>) -> Self {
        Self(stream::iter(texts).chain(self.0).boxed())
    }

    /// Ends it at `end`, with an event that says why; `stop` is cancelled if the sidecar stops.
    pub(super) fn with_closing(self, end: CancellationToken, stop: CancellationToken) -> Self {
        let ended = end.clone();
        let last = stream::once(async move { ended.is_cancelled().then(|| closing(stop.is_cancelled())) });
        let texts = self.0.take_until(end.cancelled_owned());
        Self(texts.chain(last.filter_map(std::future::ready)).boxed())
    }

    /// Keeps `guard` until the stream ends.
    pub(super) fn holding<T: Send + 'static>(self, guard: T) -> Self {
        Self(self.0.inspect(move |_| _ = &guard).boxed())
    }
}

impl IntoResponse for ChangeStream {
    fn into_response(self) -> Response {
        let texts = self.0.map(Ok::<_, std::io::Error>);
        let response = Response::builder().content_type("text/event-stream").body(Body::from_bytes_stream(texts));
        // Proxies that buffer responses would hold all events back.
        response.with_header(header::CACHE_CONTROL, "no-cache").with_header("x-accel-buffering", "no").into_response()
    }
}

impl ApiResponse for ChangeStream {
    fn meta() -> MetaResponses {
        // Text, as generated clients read it: a list of events would make them wait for the end and parse JSON.
        let schema = MetaSchema { description: Some("Server-Sent Events"), ..MetaSchema::new("string") };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let response = MetaResponse {
            description: "Events as they happen",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: "text/event-stream", schema }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}
