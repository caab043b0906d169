//! A response body that tells the connection when the last of it was taken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

use crate::http::connection::OpenRequest;

/// A response body; the request has ended when it is dropped.
pub struct TrackedBody {
    body: BoxBody<Bytes, io::Error>,
    _open: OpenRequest,
}

impl TrackedBody {
    /// The body of the response to a request.
    pub fn new(body: BoxBody<Bytes, io::Error>, open: OpenRequest) -> Self {
        Self { body, _open: open }
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
