//! What travels beside a body: properties and headers, as `ingest` writes them, as `worker` reads them, and as an
//! operator sees them in the management UI. The body is the webhook's, byte for byte.

mod accepted;
mod envelope;
mod failed;
mod headers;
mod settling;
#[cfg(test)]
mod tests;

pub use accepted::{SCHEMA, accepted_properties, refused_properties, unrecognised_properties};
pub use envelope::Envelope;
pub use failed::{
    DeadLetter, Retry, backfill_properties, dead_at, dead_letter_properties, failure_reason,
    retry_properties,
};
pub use settling::Settling;
