//! Counts the bytes of large responses in the memory budget until the peer has taken them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use poem::Response;

use super::budget::{Account, FREE_BYTES, MemoryBudget, OverBudget, Reservation};

/// Marks a response whose bytes all responses of a route share.
#[derive(Clone, Copy, Debug)]
struct SharedBytes;

/// Marks a response whose bytes exist once for all requests: they are not counted.
pub fn shared(mut response: Response) -> Response {
    response.extensions_mut().insert(SharedBytes);
    response
}

/// A response, and the number of bytes of its body.
pub struct Counted {
    /// The response.
    pub response: Response,
    /// The size of its body; `None` for a stream.
    pub bytes: Option<u64>,
}

/// Reserves the bytes of a large response until they are taken: on the first of `accounts` that has room.
///
/// Streams are not counted: the connection holds little of them at a time.
///
/// # Errors
/// [`OverBudget`]: there is no room for the response.
pub fn count_bytes(
    mut response: Response,
    budget: &Arc<MemoryBudget>,
    accounts: &[Account],
) -> Result<Counted, OverBudget> {
    let body: BoxBody<_, _> = response.take_body().into();
    let bytes = body.size_hint().exact();
    let size = bytes.and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    let is_counted = size > FREE_BYTES && response.extensions().get::<SharedBytes>().is_none();
    if is_counted {
        let reservation = accounts.iter().find_map(|account| budget.reserve(*account, size).ok());
        let reservation = Some(reservation.ok_or(OverBudget)?);
        response.set_body(poem::Body::from(BoxBody::new(CountedBody { body, reservation })));
    } else {
        response.set_body(poem::Body::from(body));
    }
    Ok(Counted { response, bytes })
}

/// A body of known size, whose bytes are reserved until the first frame, with which they come, was taken.
struct CountedBody {
    body: BoxBody<Bytes, io::Error>,
    reservation: Option<Reservation>,
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let reservation = self.reservation.take();
        let attach = |data| match reservation {
            Some(reservation) => reservation.attach(data),
            None => data,
        };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(attach))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
