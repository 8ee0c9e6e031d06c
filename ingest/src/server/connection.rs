//! Connection middleware: limits the size of request heads, and decides which connections stay open.
//!
//! Only connections of authenticated senders stay open after an answer. actix limits the time for a head on the first
//! request of a connection only, so that a second head could be sent for ever, a byte at a time.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};

use super::Draining;
use super::routes::is_webhook_path;
use crate::webhook::{HEAD_LIMIT_BYTES, Unread, Webhook, close};

/// Wraps every route: rejects large heads, and closes every connection but those that the webhook leaves open. While the
/// service drains it closes those too.
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
        Some(rest) => response.map_body(|_, answer| BoxBody::new(Unread { answer, rest })),
        None => response,
    })
}

fn head_bytes(request: &ServiceRequest) -> usize {
    let target = request.uri().path_and_query();
    let target = target.map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    // A colon, a space and the end of the line.
    let lines = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + lines.sum::<usize>()
}
