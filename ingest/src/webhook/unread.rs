//! Answers that end their connection while a part of the request's body is unread.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::ConnectionType;
use bytes::Bytes;

/// An answer that keeps the rest of its request's body until it is sent.
///
/// actix reads on when a request is dropped with a part of a chunked body unread, until the body ends, for as long as the
/// client sends. While the rest is held, the connection is closed after the answer instead.
pub(crate) struct Unread<P> {
    pub answer: BoxBody,
    #[expect(dead_code, reason = "held, not used")]
    pub rest: P,
}

impl<P: Unpin> MessageBody for Unread<P> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(cx)
    }
}

/// Ends the connection with this answer.
pub(crate) fn close(response: &mut HttpResponse) {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
}
