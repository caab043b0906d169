//! Counts the bytes of large responses in the memory budget until the peer has taken them.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Body as _;
use poem::{Body, Response};

use super::budget::{Account, FREE_BYTES, MemoryBudget, OverBudget};

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

/// Reserves the bytes of a large response until they are taken.
///
/// Streams are not counted: the connection holds little of them at a time.
///
/// # Errors
/// [`OverBudget`]: there is no room for the response.
pub fn count_bytes(
    mut response: Response,
    budget: &Arc<MemoryBudget>,
    account: Account,
) -> Result<Counted, OverBudget> {
    let body: http_body_util::combinators::BoxBody<_, _> = response.take_body().into();
    let bytes = body.size_hint().exact();
    let size = bytes.and_then(|size| usize::try_from(size).ok()).unwrap_or_default();
    let is_counted = size > FREE_BYTES && response.extensions().get::<SharedBytes>().is_none();
    if !is_counted {
        response.set_body(Body::from(body));
        return Ok(Counted { response, bytes });
    }
    let mut reservation = Some(budget.reserve(account, size)?);
    let counted = body.map_frame(move |frame| {
        frame.map_data(|data| match reservation.take() {
            Some(reservation) => reservation.attach(data),
            None => data,
        })
    });
    response.set_body(Body::from(counted.boxed()));
    Ok(Counted { response, bytes })
}
