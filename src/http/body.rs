//! Reads request bodies within limits of size, time and memory, and parses large ones off the threads that answer requests.
//!
//! How large a body may be depends on what the head has told about its caller ([`super::connection::identify`]): a body of
//! an unknown caller is refused as soon as it is known to be larger than `server.anonymous_body_limit`, without reading it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Body as _;
use poem::http::header;
use poem::{Request, RequestBody};

use super::address::{AddressKey, ClientIp};
use super::budget::{Account, FREE_BYTES, Reservation};
use super::connection::{CallerKind, body_was_read, caller_of};
use super::context::RequestContext;
use super::error::ApiError;

/// The body of a request, counted in the memory budget until it is dropped.
#[derive(Debug)]
pub struct ReceivedBody {
    bytes: Bytes,
    /// None as long as the allowance of each request is enough.
    memory: Option<Reservation>,
    account: Account,
    caller: CallerKind,
    context: Arc<RequestContext>,
}

/// A body of a caller with a token that is too large is read and discarded up to this size, so that the sender receives
/// the response.
const MAX_DRAINED_BYTES: usize = 128 * 1024 * 1024;

/// Larger bodies are parsed on the pool of blocking threads.
const INLINE_BYTES: usize = 32 * 1024;

/// Maximum number of values in a body: objects, lists and what is in them.
const MAX_VALUES: usize = 100_000;

/// Maximum number of values in a body, unless the caller is trusted.
const MAX_UNTRUSTED_VALUES: usize = 10_000;

/// Memory of a parsed value that is kept, in bytes: an estimate that is too high rather than too low.
const VALUE_BYTES: usize = 256;

/// The memory budget is used up.
pub const BUSY: ApiError = ApiError::Unavailable("The server is busy.");

/// The part of the memory budget that a caller may use.
pub fn account(caller: CallerKind, client: Option<&ClientIp>) -> Account {
    match caller {
        CallerKind::Trusted => Account::Trusted,
        CallerKind::Unknown | CallerKind::Client | CallerKind::User => {
            Account::Untrusted(client.and_then(|client| AddressKey::limited(client.0)))
        }
    }
}

/// Reads the body of `request`, within the limits that the middleware put into its extensions.
///
/// # Errors
/// [`ApiError::TooLarge`], [`ApiError::BodyTimeout`], and [`ApiError::Unavailable`] if the memory budget is used up.
pub async fn read(request: &Request, body: &mut RequestBody) -> Result<ReceivedBody, ApiError> {
    let context = RequestContext::of(request).ok_or(ApiError::Internal)?.clone();
    let caller = caller_of(request);
    let limits = context.bodies.limits;
    let account = account(caller, request.extensions().get::<ClientIp>());
    let mut received = ReceivedBody { bytes: Bytes::new(), memory: None, account, caller, context };
    let Ok(body) = body.take() else { return Ok(received) };
    let body: BoxBody<_, _> = body.into();
    let is_known = caller != CallerKind::Unknown;
    let limit = if is_known { limits.bytes } else { limits.anonymous_bytes.min(limits.bytes) };
    let announced = body.size_hint().exact().unwrap_or(0);
    if announced > limit as u64 && (!is_known || request.headers().contains_key(header::EXPECT)) {
        return Err(ApiError::TooLarge);
    }
    let drained = if is_known { MAX_DRAINED_BYTES } else { limit };
    let is_complete = within(limits.timeout, received.collect(body, limit, drained)).await?;
    body_was_read(request);
    if is_complete { Ok(received) } else { Err(ApiError::TooLarge) }
}

/// Waits for a body to be collected; for one that came along with its head, as most do, without a timer.
async fn within<T>(limit: Duration, collected: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    let mut collected = pin!(collected);
    match collected.as_mut().now_or_never() {
        Some(collected) => collected,
        None => tokio::time::timeout(limit, collected).await.map_err(|_| ApiError::BodyTimeout)?,
    }
}

impl ReceivedBody {
    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Parses the bytes: on this thread, or if they are many, on a thread of the blocking pool.
    ///
    /// # Errors
    /// Those of `parse`.
    pub async fn parse<T, F>(self, parse: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Self) -> Result<T, ApiError> + Send + 'static,
    {
        let mut body = self;
        if body.bytes.len() <= INLINE_BYTES {
            return parse(&mut body);
        }
        let context = body.context.clone();
        let _permit = context.bodies.parsers.acquire().await.map_err(|_| ApiError::Internal)?;
        tokio::task::spawn_blocking(move || parse(&mut body)).await.map_err(|_| ApiError::Internal)?
    }

    /// Checks that the caller may send a body of this number of values.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`].
    pub fn check_values(&self, values: usize) -> Result<(), ApiError> {
        let max = if self.caller == CallerKind::Trusted { MAX_VALUES } else { MAX_UNTRUSTED_VALUES };
        if values > max { Err(ApiError::TooLarge) } else { Ok(()) }
    }

    /// Reserves memory for parsed values that are kept; the result releases it with that of the body. `None` if the allowance
    /// of each request is enough.
    ///
    /// # Errors
    /// Those of [`check_values`](Self::check_values), and [`ApiError::Unavailable`] if the memory budget is used up.
    pub fn reserve_values(&mut self, values: usize) -> Result<Option<Reservation>, ApiError> {
        self.check_values(values)?;
        let needed = values * VALUE_BYTES;
        if needed > FREE_BYTES {
            self.memory().add(needed).map_err(|_| BUSY)?;
        }
        Ok(self.memory.take())
    }

    fn memory(&mut self) -> &mut Reservation {
        self.memory.get_or_insert_with(|| self.context.bodies.budget.open(self.account))
    }

    /// Reads all frames; `false` if they were more than `limit` bytes, and were discarded. More than `drained` bytes are not
    /// read.
    async fn collect(
        &mut self,
        mut body: BoxBody<Bytes, std::io::Error>,
        limit: usize,
        drained: usize,
    ) -> Result<bool, ApiError> {
        let mut whole = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| ApiError::MalformedJson("the body ended early".to_owned()))?;
            let Ok(data) = frame.into_data() else { continue };
            size += data.len();
            if size > drained {
                return Err(ApiError::TooLarge);
            }
            if size > limit {
                (self.bytes, whole) = (Bytes::new(), BytesMut::new());
                self.memory = None;
            } else if size == data.len() {
                self.bytes = data;
            } else {
                whole.extend_from_slice(&std::mem::take(&mut self.bytes));
                whole.extend_from_slice(&data);
                if whole.capacity() > FREE_BYTES {
                    self.memory().grow_to(whole.capacity()).map_err(|_| BUSY)?;
                }
            }
        }
        if !whole.is_empty() {
            self.bytes = whole.freeze();
        }
        Ok(size <= limit)
    }
}
