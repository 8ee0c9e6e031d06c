//! Errors of a webhook, and the JSON answer to each.
//!
//! Senders give up on a 4xx, so it only ever means that the same request can never be accepted. Trouble on our side is
//! always 503 with `Retry-After`. Every 401 has the same text, whatever was wrong.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use shared::broker::PublishError;
use shared::domain::event::Unrecognised;
use shared::health::rejection;

use crate::auth::Unauthenticated;
use crate::spool::SpoolError;

/// A webhook was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The request line and the headers are larger than [`super::HEAD_LIMIT_BYTES`].
    #[error("the headers are larger than {} bytes", super::HEAD_LIMIT_BYTES)]
    HeadTooLarge,
    /// The body is larger than `ingest.body_limit_bytes`.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Largest accepted size in bytes.
        limit_bytes: usize,
    },
    /// The sender did not send the whole body.
    #[error("the body is incomplete")]
    Incomplete(#[source] PayloadError),
    /// The body did not arrive within `ingest.body_timeout`.
    #[error("the body did not arrive within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The request has no valid credential.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// A client certificate is required, and the sender presented none.
    #[error("a client certificate is required")]
    NoClientCertificate,
    /// The only credential is a signature, and the event is older than `ingest.auth.signature_max_age`.
    #[error(transparent)]
    Stale(Unauthenticated),
    /// No valid credential, and too many such requests wait for their answer.
    #[error("too many failed authentications")]
    TooManyFailures,
    /// An EventBridge event of an account or source that `ingest.eventbridge` does not list.
    #[error("the event is from another EventBridge {0}")]
    Foreign(&'static str),
    /// The memory for bodies of senders that are not authenticated yet is in use.
    #[error("too many signed bodies are arriving at once")]
    OutOfMemory,
    /// The body has a content coding.
    #[error("bodies must not be compressed: send it without Content-Encoding")]
    Compressed,
    /// The body is not JSON, or not an event.
    #[error(transparent)]
    Unrecognised(#[from] Unrecognised),
    /// The broker does not have the message.
    #[error("the event could not be queued")]
    NotPublished(#[from] PublishError),
    /// The broker did not confirm in time; it may have the message.
    #[error("the event was not confirmed within {}", humantime::format_duration(*.0))]
    NotConfirmed(Duration),
    /// Neither the broker nor the spool confirmed that it has the message.
    #[error("the event could neither be queued nor spooled")]
    NotSpooled(#[from] SpoolError),
}

impl WebhookError {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete(_)
            | Self::Unrecognised(Unrecognised::Syntax(_) | Unrecognised::Nesting) => {
                StatusCode::BAD_REQUEST
            }
            Self::TimedOut(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Unauthenticated(_) | Self::Stale(_) => StatusCode::UNAUTHORIZED,
            Self::TooManyFailures => StatusCode::TOO_MANY_REQUESTS,
            Self::NoClientCertificate | Self::Foreign(_) => StatusCode::FORBIDDEN,
            Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unrecognised(
                Unrecognised::Shape(_)
                | Unrecognised::Form
                | Unrecognised::Missing(_)
                | Unrecognised::Unfilled { .. }
                | Unrecognised::Invalid { .. },
            ) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OutOfMemory
            | Self::NotPublished(_)
            | Self::NotConfirmed(_)
            | Self::NotSpooled(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The reason in metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::HeadTooLarge => "head_too_large",
            Self::TooLarge { .. } => "too_large",
            Self::Incomplete(_) => "incomplete",
            Self::TimedOut(_) => "timed_out",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::NoClientCertificate => "no_client_certificate",
            Self::Stale(_) => "stale",
            Self::TooManyFailures => "too_many_failures",
            Self::Foreign(_) => "foreign",
            Self::OutOfMemory => "out_of_memory",
            Self::Compressed => "compressed",
            Self::Unrecognised(Unrecognised::Syntax(_) | Unrecognised::Nesting) => "malformed",
            Self::Unrecognised(_) => "unrecognised",
            Self::NotPublished(PublishError::Down(_)) => "down",
            Self::NotPublished(PublishError::Blocked(_)) => "blocked",
            Self::NotPublished(PublishError::Refused) => "refused",
            Self::NotPublished(PublishError::Returned(_)) => "returned",
            Self::NotPublished(PublishError::Lost(_)) => "lost",
            Self::NotPublished(PublishError::Unconfirmed) => "unconfirmed",
            Self::NotConfirmed(_) => "timeout",
            Self::NotSpooled(SpoolError::Full(_)) => "spool_full",
            Self::NotSpooled(SpoolError::Failed(_) | SpoolError::TimedOut(_)) => "spool_failed",
        }
    }

    /// Whether the body arrived, and cannot be read.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Self::Unrecognised(_) | Self::Compressed | Self::TimedOut(_)
        )
    }

    /// Whether the sender is not authenticated.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(
            self,
            Self::Unauthenticated(_)
                | Self::NoClientCertificate
                | Self::Stale(_)
                | Self::TooManyFailures
        )
    }

    /// The answer. `challenges` go with a 401, `retry_after` with a 503 and a 429.
    #[must_use]
    pub fn to_response(&self, challenges: &[&'static str], retry_after: Duration) -> HttpResponse {
        let mut response = rejection(self.status(), &self.to_string());
        let headers = response.headers_mut();
        match self {
            Self::Unauthenticated(_) | Self::Stale(_) => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            Self::TooManyFailures
            | Self::OutOfMemory
            | Self::NotPublished(_)
            | Self::NotConfirmed(_)
            | Self::NotSpooled(_) => {
                headers.insert(RETRY_AFTER, whole_seconds(retry_after).into());
            }
            Self::Compressed => {
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Self::HeadTooLarge
            | Self::TooLarge { .. }
            | Self::Incomplete(_)
            | Self::TimedOut(_)
            | Self::NoClientCertificate
            | Self::Foreign(_)
            | Self::Unrecognised(_) => {}
        }
        response
    }
}

/// `Retry-After` counts whole seconds; a part of one is rounded up, so that no sender returns too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY_AFTER_VALUE: Duration = Duration::from_millis(4200);

    fn syntax_error() -> serde_json::Error {
        serde_json::from_str::<u8>("{").unwrap_err()
    }

    #[test]
    fn faults_of_the_request_are_answered_4xx_and_our_own_503() {
        let lost = lapin_error();
        let cases = [
            (WebhookError::TooLarge { limit_bytes: 1 }, 413, "too_large"),
            (
                WebhookError::Incomplete(PayloadError::Incomplete(None)),
                400,
                "incomplete",
            ),
            (WebhookError::HeadTooLarge, 431, "head_too_large"),
            (
                WebhookError::TimedOut(Duration::from_secs(10)),
                408,
                "timed_out",
            ),
            (Unauthenticated.into(), 401, "unauthenticated"),
            (WebhookError::Stale(Unauthenticated), 401, "stale"),
            (WebhookError::TooManyFailures, 429, "too_many_failures"),
            (WebhookError::Foreign("account"), 403, "foreign"),
            (WebhookError::Compressed, 415, "compressed"),
            (WebhookError::OutOfMemory, 503, "out_of_memory"),
            (Unrecognised::Nesting.into(), 400, "malformed"),
            (
                Unrecognised::Syntax(syntax_error()).into(),
                400,
                "malformed",
            ),
            (
                Unrecognised::Shape(syntax_error()).into(),
                422,
                "unrecognised",
            ),
            (Unrecognised::Form.into(), 422, "unrecognised"),
            (Unrecognised::Missing("data.id").into(), 422, "unrecognised"),
            (PublishError::Down("refused".to_owned()).into(), 503, "down"),
            (
                PublishError::Blocked("memory".to_owned()).into(),
                503,
                "blocked",
            ),
            (PublishError::Refused.into(), 503, "refused"),
            (
                PublishError::Returned("NO_ROUTE".to_owned()).into(),
                503,
                "returned",
            ),
            (PublishError::Lost(lost).into(), 503, "lost"),
            (
                WebhookError::NotConfirmed(Duration::from_secs(3)),
                503,
                "timeout",
            ),
            (SpoolError::Full(1).into(), 503, "spool_full"),
            (
                SpoolError::Failed("disk I/O error".to_owned()).into(),
                503,
                "spool_failed",
            ),
        ];

        for (error, status, label) in cases {
            let response = error.to_response(&["Bearer", "Basic"], RETRY_AFTER_VALUE);
            assert_eq!((response.status().as_u16(), error.label()), (status, label));
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .map(|value| value.to_str().unwrap());
            let comes_again = status == 503 || status == 429;
            assert_eq!(retry_after, comes_again.then_some("5"), "{label}");
            let challenges = response.headers().get_all(WWW_AUTHENTICATE).count();
            assert_eq!(challenges, if status == 401 { 2 } else { 0 }, "{label}");
        }
    }

    #[test]
    fn the_sender_does_not_learn_where_the_broker_is() {
        let error = WebhookError::from(PublishError::Down(
            "connection refused by broker.internal".to_owned(),
        ));

        assert!(!error.to_string().contains("internal"));
    }

    fn lapin_error() -> lapin::Error {
        std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
    }
}
