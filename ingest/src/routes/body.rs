//! Reads a webhook's body, and tells a whole one from one that was cut off.

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use shared::domain::salvage::{CUT_MIN_BYTES, Cut};

use crate::error::WebhookError;

/// How many times the limit is read of a body over it, and thrown away: a sender reads no answer before it has sent all.
const OVERSIZED_MAX_LIMITS: usize = 16;

/// What is read of a body.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// So much.
    pub bytes: usize,
    /// Whether of a larger body the beginning is taken; else it is refused.
    pub keeps_head: bool,
}

/// What arrived of a body.
pub struct Arrived {
    /// The bytes as they came.
    pub body: Bytes,
    /// Why they may not be all.
    pub ending: Ending,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As the sender announced.
    Announced,
    /// The connection ended before it did.
    Disconnected,
    /// It goes on beyond the limit.
    OverLimit,
}

impl Arrived {
    /// The body as one that was cut off, if it is one; the rule is told in [`shared::domain::salvage`].
    pub fn cut(&self) -> Option<Cut<'_>> {
        let is_surely_short = self.ending != Ending::Announced;
        if is_surely_short || self.body.len() >= CUT_MIN_BYTES {
            Cut::of(&self.body)
        } else {
            None
        }
    }
}

/// Reads a body. The limit holds for what the sender announces and for what arrives.
pub async fn read(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    limit: Limit,
) -> Result<Arrived, WebhookError> {
    let too_large = WebhookError::TooLarge {
        limit_bytes: limit.bytes,
    };
    if announced(headers).is_some_and(|length| length > limit.bytes) && !limit.keeps_head {
        return Err(too_large);
    }
    let mut body = Bytes::new();
    let mut ending = Ending::Announced;
    while let Some(chunk) = payload.next().await {
        let mut chunk = match chunk {
            Ok(chunk) => chunk,
            Err(PayloadError::Incomplete(_)) if !body.is_empty() => {
                ending = Ending::Disconnected;
                break;
            }
            Err(error) => return Err(WebhookError::Incomplete(error)),
        };
        let room = limit.bytes - body.len();
        if chunk.len() > room {
            if !limit.keeps_head {
                return Err(too_large);
            }
            ending = Ending::OverLimit;
            chunk.truncate(room);
        }
        // Most bodies arrive in one piece, which is not copied.
        body = if body.is_empty() {
            chunk
        } else {
            joined(body, &chunk)
        };
        if ending == Ending::OverLimit {
            break;
        }
    }
    Ok(Arrived { body, ending })
}

/// Reads on, and throws away, what of a body is over the limit.
pub async fn drain(payload: &mut web::Payload, limit: Limit) {
    let mut left = limit.bytes.saturating_mul(OVERSIZED_MAX_LIMITS);
    while let Some(Ok(chunk)) = payload.next().await {
        left = left.saturating_sub(chunk.len());
        if left == 0 {
            break;
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn joined(body: Bytes, chunk: &[u8]) -> Bytes {
    let mut body = BytesMut::from(body);
    body.extend_from_slice(chunk);
    body.freeze()
}
