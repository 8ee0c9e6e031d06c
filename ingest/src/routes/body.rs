//! Reads a webhook's body, and tells a whole one from one that was cut off.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::{HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use shared::domain::truncated::TRUNCATED_MIN_BYTES;
use tokio::time::Instant;

use crate::error::WebhookError;
use crate::guard;

/// How many times the limit is read of a body over it, and thrown away: a sender reads no answer before it has sent all.
const OVERSIZED_MAX_LIMITS: usize = 16;

/// What is read of a body.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// So much.
    pub bytes: usize,
    /// For so long.
    pub time: Duration,
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
    /// The time was over before it was.
    TimedOut,
    /// It goes on beyond the limit.
    OverLimit,
}

impl Arrived {
    /// Whether it may be the beginning of a body only; the rule stands in [`shared::domain::truncated`].
    pub fn may_be_truncated(&self) -> bool {
        self.ending != Ending::Announced || self.body.len() >= TRUNCATED_MIN_BYTES
    }
}

/// A body on its way.
pub struct Incoming {
    payload: web::Payload,
    limit: Limit,
    deadline: Instant,
    has_ended: bool,
}

/// Why a body does not go on.
enum Stopped {
    Broken(PayloadError),
    TimedOut,
}

impl Incoming {
    /// The time for it begins.
    pub fn new(payload: web::Payload, limit: Limit) -> Self {
        Self {
            payload,
            limit,
            deadline: Instant::now() + limit.time,
            has_ended: false,
        }
    }

    /// Reads it. The limit holds for what the sender announces and for what arrives. Without `keeps` the bytes are
    /// thrown away as they come: what a stranger sends should take no memory.
    pub async fn read(
        &mut self,
        headers: &HeaderMap,
        keeps: bool,
    ) -> Result<Arrived, WebhookError> {
        let Limit {
            bytes: limit_bytes,
            keeps_head,
            time,
        } = self.limit;
        let too_large = WebhookError::TooLarge { limit_bytes };
        if announced(headers).is_some_and(|length| length > limit_bytes) && !keeps_head {
            return Err(too_large);
        }
        let (mut body, mut room) = (Bytes::new(), limit_bytes);
        let ending = loop {
            let has_begun = room < limit_bytes;
            let mut chunk = match self.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ending::Announced,
                Err(Stopped::Broken(PayloadError::Incomplete(_))) if has_begun => {
                    break Ending::Disconnected;
                }
                Err(Stopped::TimedOut) if has_begun => break Ending::TimedOut,
                Err(Stopped::Broken(error)) => return Err(WebhookError::Incomplete(error)),
                Err(Stopped::TimedOut) => return Err(WebhookError::TimedOut(time)),
            };
            let is_over = chunk.len() > room;
            if is_over && !keeps_head {
                return Err(too_large);
            }
            chunk.truncate(room);
            room -= chunk.len();
            if keeps {
                body = joined(body, chunk);
            }
            if is_over {
                break Ending::OverLimit;
            }
        };
        Ok(Arrived { body, ending })
    }

    /// Reads on, and throws away, what is over the limit.
    pub async fn drain(&mut self) {
        let mut left = self.limit.bytes.saturating_mul(OVERSIZED_MAX_LIMITS);
        while let Ok(Some(chunk)) = self.chunk().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    }

    /// The answer to it. The connection goes on if the sender `is_let_in` and has sent all of it.
    pub fn answer(self, response: HttpResponse, is_let_in: bool) -> HttpResponse {
        if is_let_in && self.has_ended {
            response
        } else {
            guard::hold(response, self.payload)
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Stopped> {
        match tokio::time::timeout_at(self.deadline, self.payload.next()).await {
            Ok(Some(chunk)) => chunk.map(Some).map_err(Stopped::Broken),
            Ok(None) => {
                self.has_ended = true;
                Ok(None)
            }
            Err(_) => Err(Stopped::TimedOut),
        }
    }
}

/// Whether a body has a content coding. It is never undone: a kilobyte can become a gigabyte.
pub fn is_compressed(headers: &HeaderMap) -> bool {
    let is_identity = |coding: &str| {
        let coding = coding.trim();
        coding.is_empty() || coding.eq_ignore_ascii_case("identity")
    };
    headers.get_all(CONTENT_ENCODING).any(|line| {
        !line
            .to_str()
            .is_ok_and(|line| line.split(',').all(is_identity))
    })
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Most bodies arrive in one piece, which is not copied.
fn joined(body: Bytes, chunk: Bytes) -> Bytes {
    if body.is_empty() {
        return chunk;
    }
    let mut body = BytesMut::from(body);
    body.extend_from_slice(&chunk);
    body.freeze()
}
