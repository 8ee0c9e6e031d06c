//! The webhook: the path of one request from its headers to the answer.

mod accepted;
mod arrival;
mod body;
mod error;
mod origins;
mod outage_log;
mod receive;
mod refusal_log;
mod storing;
mod unproven;
mod unread;
mod unreadable;

pub(crate) use error::WebhookError;
pub(crate) use receive::{Webhook, receive};
pub(crate) use unread::{Unread, close};

/// The path that senders post to.
pub const WEBHOOK_PATH: &str = "/api/v1/genesys/webhook";

/// Largest request line with its headers, in bytes. Senders use less than a tenth of it.
pub(crate) const HEAD_LIMIT_BYTES: usize = 16 * 1024;
