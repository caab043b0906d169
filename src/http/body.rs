//! Reading request bodies: never more than the limit, never longer than the time-out.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use poem::http::header;
use poem::web::headers::{ContentLength, HeaderMapExt};
use poem::{Request, RequestBody};

use super::error::ApiError;

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// Most bytes.
    pub bytes: usize,
    /// Most time until it has arrived.
    pub timeout: Duration,
}

/// A body that is too large is read up to this size all the same, so that its sender gets to see the answer.
const DRAINED: usize = 128 * 1024 * 1024;

/// The body of `request`, within the limits that the edge put beside it.
///
/// # Errors
/// [`ApiError::TooLarge`] and [`ApiError::BodyTimeout`].
pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Bytes, ApiError> {
    let limits = request.extensions().get::<BodyLimits>().copied().ok_or(ApiError::Internal)?;
    let Ok(body) = body.take() else { return Ok(Bytes::new()) };
    let headers = request.headers();
    let announced = || headers.typed_get::<ContentLength>().map_or(0, |length| length.0);
    if headers.contains_key(header::EXPECT) && announced() > limits.bytes as u64 {
        return Err(ApiError::TooLarge);
    }
    tokio::time::timeout(limits.timeout, collect(body.into(), limits.bytes)).await.map_err(|_| ApiError::BodyTimeout)?
}

async fn collect(mut body: BoxBody<Bytes, std::io::Error>, limit: usize) -> Result<Bytes, ApiError> {
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::MalformedJson("the body ended early".to_owned()))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > DRAINED {
            return Err(ApiError::TooLarge);
        }
        if size > limit {
            (first, whole) = (Bytes::new(), BytesMut::new());
        } else if size == data.len() {
            first = data;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&data);
        }
    }
    match size {
        _ if size > limit => Err(ApiError::TooLarge),
        _ if whole.is_empty() => Ok(first),
        _ => Ok(whole.freeze()),
    }
}
