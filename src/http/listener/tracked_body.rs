//! A response body that tells the connection when the last of it was taken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

use crate::http::connection::ConnectionState;

/// A response body; the request has ended when it is dropped.
pub struct TrackedBody {
    body: BoxBody<Bytes, io::Error>,
    state: Arc<ConnectionState>,
}

impl TrackedBody {
    /// The body of the response to the current request of a connection.
    pub fn new(body: BoxBody<Bytes, io::Error>, state: Arc<ConnectionState>) -> Self {
        Self { body, state }
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.state.end_request();
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
