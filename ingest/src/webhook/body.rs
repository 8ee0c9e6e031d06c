//! Reading of a webhook's body, with limits of size and time; a complete body is distinguished from a truncated one.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};
use actix_web::{HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use shared::domain::truncated::TRUNCATED_MIN_BYTES;
use tokio::time::Instant;

use super::unproven::{Reservation, UnprovenBodies};
use super::{Unread, WebhookError, close};

/// An oversized body is drained up to this many times the limit: a sender reads the answer only after it has sent
/// everything.
const OVERSIZED_MAX_LIMITS: usize = 16;

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit {
    /// How many bytes a body may have.
    pub bytes: usize,
    /// Longest time until it has arrived.
    pub time: Duration,
    /// Whether the beginning of a larger body is accepted; otherwise the body is rejected.
    pub keeps_beginning: bool,
}

/// The part of a body that arrived.
pub struct ReceivedBody {
    /// What arrived of the body, byte for byte.
    pub body: Bytes,
    /// The way it ended, which shows whether it is complete.
    pub ending: BodyEnd,
    /// Its share of the memory for senders that are not authenticated yet.
    pub reservation: Option<Reservation>,
}

/// The way a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// At the announced end.
    Announced,
    /// With the connection, before its announced end.
    Disconnected,
    /// At the time limit.
    TimedOut,
    /// At the size limit.
    OverLimit,
}

impl ReceivedBody {
    /// Whether it may be the beginning of a body only; the rule stands in [`shared::domain::truncated`].
    pub fn may_be_truncated(&self) -> bool {
        self.ending != BodyEnd::Announced || self.body.len() >= TRUNCATED_MIN_BYTES
    }
}

impl Keeping<'_> {
    fn reservation(self) -> Option<Reservation> {
        match self {
            Self::Within(budget) => Some(budget.begin()),
            Self::Nothing | Self::All => None,
        }
    }
}

/// Reader of one request's body.
pub struct BodyReader {
    payload: web::Payload,
    limit: BodyLimit,
    deadline: Instant,
    has_ended: bool,
}

/// What becomes of the bytes of a body as they arrive.
#[derive(Clone, Copy, Debug)]
pub enum Keeping<'b> {
    /// They are discarded: the sender is not authenticated, whatever they are.
    Nothing,
    /// Every byte that arrives is kept.
    All,
    /// They are kept within the budget of senders that are not authenticated yet.
    Within(&'b UnprovenBodies),
}

/// The reason why no more of a body can be read.
enum Stopped {
    Broken(PayloadError),
    TimedOut,
}

impl BodyReader {
    /// Starts the time limit.
    pub fn new(payload: web::Payload, limit: BodyLimit) -> Self {
        Self {
            payload,
            limit,
            deadline: Instant::now() + limit.time,
            has_ended: false,
        }
    }

    /// Reads the body. The size limit applies to the announced length and to the bytes that arrive.
    pub async fn read(
        &mut self,
        headers: &HeaderMap,
        keeping: Keeping<'_>,
    ) -> Result<ReceivedBody, WebhookError> {
        let BodyLimit {
            bytes: limit_bytes,
            keeps_beginning,
            time,
        } = self.limit;
        let too_large = WebhookError::TooLarge { limit_bytes };
        if announced(headers).is_some_and(|length| length > limit_bytes) && !keeps_beginning {
            return Err(too_large);
        }
        let (mut body, mut room) = (Bytes::new(), limit_bytes);
        let mut reservation = keeping.reservation();
        let ending = loop {
            let has_begun = room < limit_bytes;
            let mut chunk = match self.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break BodyEnd::Announced,
                Err(Stopped::Broken(PayloadError::Incomplete(_))) if has_begun => {
                    break BodyEnd::Disconnected;
                }
                Err(Stopped::TimedOut) if has_begun => break BodyEnd::TimedOut,
                Err(Stopped::Broken(error)) => return Err(WebhookError::Incomplete(error)),
                Err(Stopped::TimedOut) => return Err(WebhookError::TimedOut(time)),
            };
            let is_over = chunk.len() > room;
            if is_over && !keeps_beginning {
                return Err(too_large);
            }
            chunk.truncate(room);
            room -= chunk.len();
            if let Some(reservation) = &mut reservation {
                let grown = reservation.grow(chunk.len());
                grown.map_err(|_| WebhookError::OutOfMemory)?;
            }
            if !matches!(keeping, Keeping::Nothing) {
                body = joined(body, chunk);
            }
            if is_over {
                break BodyEnd::OverLimit;
            }
        };
        Ok(ReceivedBody {
            body,
            ending,
            reservation,
        })
    }

    /// Reads and discards the part over the limit.
    pub async fn drain(&mut self) {
        let mut left = self.limit.bytes.saturating_mul(OVERSIZED_MAX_LIMITS);
        while let Ok(Some(chunk)) = self.chunk().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    }

    /// Completes the answer. The connection stays open if the sender `is_authenticated` and has sent the whole body.
    pub fn answer(self, mut response: HttpResponse, is_authenticated: bool) -> HttpResponse {
        if is_authenticated && self.has_ended {
            return response;
        }
        close(&mut response);
        let rest = self.payload;
        response.map_body(|_, answer| BoxBody::new(Unread { answer, rest }))
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

/// Whether a body has a content coding. It is never decoded: a kilobyte can become a gigabyte.
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

/// Appends a chunk. Most bodies arrive in one chunk, which is not copied.
fn joined(body: Bytes, chunk: Bytes) -> Bytes {
    if body.is_empty() {
        return chunk;
    }
    let mut body = BytesMut::from(body);
    body.extend_from_slice(&chunk);
    body.freeze()
}
