//! Which connections stay open, and how much is read of them.
//!
//! A connection outlives its request only for a sender who was let in. For the others the answer is the end of it: the
//! time for a head is limited on a connection's first request only, so that a second one could be sent for ever, a byte
//! at a time.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, web};
use bytes::Bytes;

use crate::draining::Draining;
use crate::routes::{Webhook, is_webhook_path};

/// Most of a request line with its headers. Senders use less than a tenth.
pub const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// Around every route: refuses large heads, and closes the connections of all but those whom the webhook let in. Once
/// draining has begun it closes theirs as well.
pub(crate) async fn admit(
    webhook: web::Data<Webhook>,
    draining: web::Data<Draining>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_too_large = head_bytes(&request) > HEAD_LIMIT_BYTES;
    let goes_to_webhook =
        request.method() == Method::POST && is_webhook_path(request.match_info().as_str());
    let is_read_by_webhook = goes_to_webhook && !is_too_large;
    let unread = (!is_read_by_webhook).then(|| request.take_payload());
    let mut response = if is_too_large {
        request.into_response(webhook.refuse_head())
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    if !is_read_by_webhook || draining.has_begun() {
        close(response.response_mut());
    }
    Ok(match unread {
        Some(unread) => response.map_body(|_, body| BoxBody::new(Holding { body, unread })),
        None => response,
    })
}

/// Ends the connection with this answer, with whatever of the request's body is still to come.
pub(crate) fn hold(mut response: HttpResponse, unread: web::Payload) -> HttpResponse {
    close(&mut response);
    response.map_body(|_, body| BoxBody::new(Holding { body, unread }))
}

fn close(response: &mut HttpResponse) {
    response
        .head_mut()
        .set_connection_type(ConnectionType::Close);
}

fn head_bytes(request: &ServiceRequest) -> usize {
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    // A colon, a blank and the end of the line.
    let lines = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + lines.sum::<usize>()
}

/// An answer that keeps the rest of its request's body until it is sent.
///
/// A connection whose request is dropped with a part of a chunked body unread is read until that ends, as long as the
/// client goes on sending. While the rest is held, the connection is closed after the answer instead.
struct Holding<P> {
    body: BoxBody,
    #[expect(dead_code, reason = "held, not used")]
    unread: P,
}

impl<P: Unpin> MessageBody for Holding<P> {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}
