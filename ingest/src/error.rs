//! Why a webhook was not taken, and what the sender is told. Whatever the reason, the answer is JSON.
//!
//! A 4xx says that sending the same again is useless, so it is never the answer to trouble of our own: senders give up
//! on it. That is always 503 with `Retry-After`.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use shared::broker::PublishError;
use shared::domain::event::Unrecognised;

use crate::auth::Unauthenticated;
use crate::spool::SpoolError;

/// A webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The body is larger than `ingest.body_limit_bytes`.
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The sender did not send the whole body.
    #[error("the body is incomplete")]
    Incomplete(#[source] PayloadError),
    /// The sender is unknown.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The body is not JSON, or no event.
    #[error(transparent)]
    Unrecognised(#[from] Unrecognised),
    /// The broker does not have the message.
    #[error("the event could not be queued")]
    NotPublished(#[from] PublishError),
    /// The broker did not confirm in time; it may have the message.
    #[error("the event was not confirmed within {}", humantime::format_duration(*.0))]
    NotConfirmed(Duration),
    /// Neither the broker nor the spool has the message, or does not say so.
    #[error("the event could neither be queued nor kept")]
    NotSpooled(#[from] SpoolError),
}

/// What every answer but a 200 says.
#[derive(Serialize)]
struct Body<'a> {
    status: &'a str,
    error: &'a str,
}

impl WebhookError {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Incomplete(_)
            | Self::Unrecognised(Unrecognised::Syntax(_) | Unrecognised::Nesting) => {
                StatusCode::BAD_REQUEST
            }
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Unrecognised(
                Unrecognised::Shape(_)
                | Unrecognised::Form
                | Unrecognised::Missing(_)
                | Unrecognised::Invalid { .. },
            ) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotPublished(_) | Self::NotConfirmed(_) | Self::NotSpooled(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The reason in metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Incomplete(_) => "incomplete",
            Self::Unauthenticated(_) => "unauthenticated",
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

    /// The answer. `challenges` go with a 401, `retry_after` with a 503.
    #[must_use]
    pub fn to_response(&self, challenges: &[&'static str], retry_after: Duration) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        match self {
            Self::Unauthenticated(_) => {
                for challenge in challenges {
                    response.append_header((WWW_AUTHENTICATE, *challenge));
                }
            }
            Self::NotPublished(_) | Self::NotConfirmed(_) | Self::NotSpooled(_) => {
                response.insert_header((RETRY_AFTER, whole_seconds(retry_after)));
            }
            Self::TooLarge { .. } | Self::Incomplete(_) | Self::Unrecognised(_) => {}
        }
        finish(response, self.status(), &self.to_string())
    }
}

/// An answer other than a 200, outside the webhook too.
#[must_use]
pub fn rejection(status: StatusCode, error: &str) -> HttpResponse {
    finish(HttpResponse::build(status), status, error)
}

fn finish(mut response: HttpResponseBuilder, status: StatusCode, error: &str) -> HttpResponse {
    let status = if status.is_server_error() {
        "unavailable"
    } else {
        "rejected"
    };
    response.json(Body { status, error })
}

/// `Retry-After` counts whole seconds; a part of one is rounded up, so that nobody comes back at once.
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
    fn what_is_wrong_with_the_request_is_a_4xx_and_what_is_wrong_with_us_a_503() {
        let lost = lapin_error();
        let cases = [
            (WebhookError::TooLarge { limit_bytes: 1 }, 413, "too_large"),
            (
                WebhookError::Incomplete(PayloadError::Incomplete(None)),
                400,
                "incomplete",
            ),
            (Unauthenticated.into(), 401, "unauthenticated"),
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
            assert_eq!(retry_after, (status == 503).then_some("5"), "{label}");
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
